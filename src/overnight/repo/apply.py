"""Putting the kept commits onto the user's branch: the one thing here that changes their checkout, when they ask."""

from __future__ import annotations

from dataclasses import dataclass

import pygit2

from overnight.errors import RepositoryError
from overnight.repo.git import Repository, git_program


@dataclass(frozen=True)
class Applied:
    """What was done."""

    commits: int
    fast_forward: bool
    """The branch had not moved on, so it got the very commits of the session."""
    onto_branch: bool = True
    """Whether a branch is checked out, which has them now."""


def apply_kept(repository: Repository, base: str, tip: str) -> Applied:
    """Bring the commits after `base` up to `tip` onto the branch that is checked out.

    Fast-forwards where the branch has not moved on, cherry-picks otherwise; the picking is done in memory first, so
    that a conflict leaves no trace. Raises RepositoryError, with everything as it was before, on a conflict or when a
    file with uncommitted changes would be overwritten.
    """
    head = repository.head()
    missing = _missing(repository, head, base, tip)
    if not missing:
        return Applied(0, fast_forward=False)
    _refuse_dirty(repository, base, tip)
    fast_forward = git_program(["merge-base", head, tip], repository.root).strip() == head
    target = tip if fast_forward else _picked(repository, head, missing, tip)
    git_program(["merge", "--quiet", "--ff-only", target], repository.root)
    return Applied(len(missing), fast_forward, onto_branch=not repository.git.head_is_detached)


def _missing(repository: Repository, head: str, base: str, tip: str) -> list[str]:
    """The commits whose change is not on `head` yet, oldest first (git compares the changes, not the names)."""
    lines = git_program(["cherry", head, tip, base], repository.root).splitlines()
    return [line[2:] for line in lines if line.startswith("+ ")]


def _refuse_dirty(repository: Repository, base: str, tip: str) -> None:
    touched = git_program(["diff", "--name-only", "-z", base, tip], repository.root).split("\0")
    look = ["--no-optional-locks", "status", "--porcelain", "-z", "--untracked-files=all", "--"]
    status = git_program([*look, *filter(None, touched)], repository.root)
    dirty = [entry[3:] for entry in status.split("\0") if entry]
    if dirty:
        raise RepositoryError(
            f"{', '.join(dirty)} has changes that are not committed and would be overwritten; commit or stash them "
            "first (`git stash`), nothing was changed"
        )


def _picked(repository: Repository, head: str, commits: list[str], tip: str) -> str:
    """New commits on top of `head` that make the same changes, with the same messages and authors."""
    git = repository.git
    for name in commits:
        commit = git[name].peel(pygit2.Commit)
        index = git.merge_trees(commit.parents[0].tree, git[head].peel(pygit2.Tree), commit.tree)
        if index.conflicts is not None:
            places = sorted({entry.path for sides in index.conflicts for entry in sides if entry is not None})
            raise RepositoryError(
                f"your commits and the kept changes touch the same lines of {', '.join(places)}, so they do not fit "
                f"together by themselves; nothing was changed. Merge by hand: `git merge {tip[:7]}`"
            )
        tree = index.write_tree(git)
        head = str(
            git.create_commit(None, commit.author, repository.signature(), commit.message, tree, [pygit2.Oid(hex=head)])
        )
    return head
