"""Writing the report: where the ledger, git and the page come together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from overnight.errors import OvernightError
from overnight.ledger.history import History
from overnight.ledger.records import Judged
from overnight.loop.state import State
from overnight.morning.summary import Summary

if TYPE_CHECKING:
    from overnight.morning.report.files import Report


def write(history: History, summary: Summary, state: State) -> Report:
    """Write the session's report into its folder. Raises OSError when it cannot be written."""
    from overnight.morning.report.files import write_report

    return write_report(history, summary, state.session_folder(history.session), kept_patches(state.folder.parent))


def kept_patches(folder: Path) -> Callable[[Judged], str]:
    """What each kept change is, as git has it in the repository of `folder`: "" for what it has no longer."""
    from pygit2 import GitError

    from overnight.repo.git import Repository

    try:
        repository = Repository.find(folder)
    except OvernightError:  # The history can be read without the repository.
        return lambda _: ""

    def patch_of(judged: Judged) -> str:
        if judged.commit is None or not repository.has(judged.commit):
            return ""
        try:
            parent, _ = repository.parent_and_message(judged.commit)
            return repository.patch(parent, judged.commit) if parent and repository.has(parent) else ""
        except (OvernightError, GitError, KeyError, ValueError):  # A part of it is lost.
            return ""

    return patch_of
