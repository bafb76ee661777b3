"""Experiments woven together: any set of them as one version of the project."""

from __future__ import annotations

from collections.abc import Iterable

from overnight.fleet.local import Version
from overnight.ledger.history import History
from overnight.ledger.records import Proposed
from overnight.loop.assemble import Project
from overnight.repo.candidate import fingerprint
from overnight.repo.weave import Weave


def weave_of(project: Project, history: History, numbers: Iterable[int]) -> Weave:
    """A weave of these experiments and of all that they were proposed on top of."""
    wanted: dict[int, Proposed] = {}
    waiting = list(numbers)
    while waiting:
        number = waiting.pop()
        proposed = history.proposed(number)
        if number not in wanted and proposed is not None and proposed.commit is not None:
            wanted[number] = proposed
            waiting += proposed.inside
    weave = Weave(project.edit_files(project.base))
    for number, proposed in sorted(wanted.items()):
        weave.add(number, proposed.inside, project.edit_files(proposed.commit or ""))
    return weave


def version_of(project: Project, weave: Weave, ideas: Iterable[int]) -> Version:
    """A commit that holds these experiments' changes, which no branch points at."""
    held = sorted(ideas)
    files = weave.version(held)
    message = f"a combination of experiments {', '.join(map(str, held))}\n" if held else "the baseline\n"
    return Version(commit_of(project, project.base, files, message), fingerprint(files))


def commit_of(project: Project, parent: str, files: dict[str, bytes], message: str) -> str:
    """A commit on top of `parent` in which the `edit` files are exactly these."""
    gone = {path: None for path in project.edit_files(parent) if path not in files}
    return project.repository.commit_files(parent, {**files, **gone}, message)


def lines_saved(project: Project, proposed: Proposed) -> int:
    """By how many lines a proposal makes the `edit` files shorter."""

    def lines(commit: str) -> int:
        return sum(len(content.splitlines()) for content in project.edit_files(commit).values())

    return lines(proposed.parent) - lines(proposed.commit or proposed.parent)
