"""Candidates carried over: what was proposed for one incumbent is made anew on top of the one that has come since."""

from __future__ import annotations

from overnight.ledger.records import Carried, Proposed
from overnight.loop.bench import Bench
from overnight.repo.candidate import fingerprint, unparsable


def carried_over(bench: Bench, proposed: Proposed, onto: Proposed | None = None) -> Proposed | None:
    """The candidate on top of the incumbent (or of `onto`), by a three-way merge, written down; None where it does not
    fit there.

    That is where both have changed the same lines, where nothing of it is left, and where it cannot be read.
    """
    project, repository = bench.project, bench.project.repository
    parent = (onto or bench.incumbent()).commit or project.base
    inside = (*onto.inside, onto.number) if onto else bench.kept()
    assert proposed.commit is not None, "only what can be measured is carried over"
    tree = repository.merged_tree(proposed.parent, parent, proposed.commit)
    if tree is None or tree == repository.tree_of(parent):
        return None

    def commit_it() -> str:
        return repository.commit_tree(parent, tree, f"{proposed.hypothesis}\n")

    files = project.edit_files(commit_it())
    if any(unparsable(path, content) for path, content in files.items()):
        return None
    commit = bench.stored(proposed.number, commit_it)
    carried = Carried(
        number=proposed.number, parent=parent, commit=commit, inside=inside, fingerprint=fingerprint(files)
    )
    bench.history.append(carried)
    return carried.applied_to(proposed)


def is_overtaken(bench: Bench, proposed: Proposed) -> bool:
    """Whether another version has become the incumbent since a candidate was made."""
    return proposed.parent != (bench.incumbent().commit or bench.project.base)
