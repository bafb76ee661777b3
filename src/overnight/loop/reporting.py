"""Writing the report: where the ledger, git and the page come together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from overnight.ledger.history import History
from overnight.loop.patches import kept_patches
from overnight.loop.state import State
from overnight.morning.summary import Summary

if TYPE_CHECKING:
    from overnight.morning.report.files import Report


def write(history: History, summary: Summary, state: State) -> Report:
    """Write the session's report into its folder. Raises OSError when it cannot be written."""
    from overnight.morning.report.files import write_report  # noqa: PLC0415 - what draws takes a while to load

    return write_report(history, summary, state.session_folder(history.session), kept_patches(state.folder.parent))
