"""Putting the kept commits onto the user's branch: the one thing here that changes their checkout, when they ask for it."""

from __future__ import annotations

from dataclasses import dataclass

from overnight.errors import RepositoryError
from overnight.repo.git import Repository, git_program


@dataclass(frozen=True)
class Applied:
    """What was done."""

    commits: int
    fast_forward: bool


def apply_kept(repository: Repository, base: str, tip: str) -> Applied:
    """Bring the commits after `base` up to `tip` onto the branch that is checked out.

    Fast-forwards where the branch has not moved on, cherry-picks otherwise. Raises RepositoryError, with everything as
    it was before, on a conflict or when a file with uncommitted changes would be overwritten.
    """
    head = repository.head()
    missing = _missing(repository, head, base, tip)
    if not missing:
        return Applied(0, fast_forward=False)
    _refuse_dirty(repository, base, tip)
    if git_program(["merge-base", head, tip], repository.root).strip() == head:
        git_program(["merge", "--quiet", "--ff-only", tip], repository.root)
        return Applied(len(missing), fast_forward=True)
    try:
        git_program(["cherry-pick", *missing], repository.root)
    except RepositoryError as error:
        _abort(repository, head)
        raise RepositoryError(
            "your branch and the kept changes touch the same lines, so they do not fit together by themselves; nothing was "
            f"changed. Merge by hand: `git merge {tip[:7]}`. Git says: {_conflicts(str(error))}"
        ) from None
    return Applied(len(missing), fast_forward=False)


def _missing(repository: Repository, head: str, base: str, tip: str) -> list[str]:
    """The commits whose change is not on `head` yet, oldest first (git compares the changes, not the names)."""
    lines = git_program(["cherry", head, tip, base], repository.root).splitlines()
    return [line[2:] for line in lines if line.startswith("+ ")]


def _refuse_dirty(repository: Repository, base: str, tip: str) -> None:
    touched = git_program(["diff", "--name-only", "-z", base, tip], repository.root).split("\0")
    wanted = [path for path in touched if path]
    status = git_program(["status", "--porcelain", "-z", "--untracked-files=all", "--", *wanted], repository.root)
    dirty = [entry[3:] for entry in status.split("\0") if entry]
    if dirty:
        raise RepositoryError(
            f"{', '.join(dirty)} has changes that are not committed and would be overwritten; commit or stash them first "
            "(`git stash`), nothing was changed"
        )


def _abort(repository: Repository, head: str) -> None:
    try:
        git_program(["cherry-pick", "--abort"], repository.root)
    except RepositoryError:
        # It never began (a hook or a lock said no), so there is nothing to take back.
        if repository.head() != head:
            raise


def _conflicts(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if "CONFLICT" in line or line.startswith(("error", "fatal"))]
    return "; ".join(lines[:3]) or words.splitlines()[0]
