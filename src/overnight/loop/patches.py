"""What an experiment changes, as git has it: for the morning, which knows no git, and for who looks at one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from overnight.errors import OvernightError
from overnight.ledger.records import Judged, Proposed
from overnight.repo.git import Repository


def candidate_patch(repository: Repository, proposed: Proposed) -> str | None:
    """The patch of a candidate on what it was made from; None where git no longer has all of it."""
    return repository.patch_if_whole(proposed.parent, proposed.commit) if proposed.commit else None


def kept_patches(folder: Path) -> Callable[[Judged], str]:
    """What each kept change is in the repository of `folder`; "" for what git has no longer."""
    try:
        repository = Repository.find(folder)
    except OvernightError:  # The history can be read without the repository.
        return lambda _: ""

    def patch_of(judged: Judged) -> str:
        if judged.commit is None:
            return ""
        try:
            parent, _ = repository.parent_and_message(judged.commit)
        except (OvernightError, ValueError):
            return ""
        return (parent and repository.patch_if_whole(parent, judged.commit)) or ""

    return patch_of
