"""A session opened to be read, safe while another process works on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from overnight.ledger import reader
from overnight.ledger.history import History, choose_session
from overnight.ledger.reader import Source
from overnight.loop.state import State
from overnight.morning.summary import Summary, summarize


@contextlib.contextmanager
def open_history(folder: Path, session: str | None) -> Iterator[tuple[History, State]]:
    """The history of a session in `folder` (None: the newest), and the folder's state.

    Raises SessionError if there is none, OvernightError if the ledger cannot be read.
    """
    state = State.of(folder)
    with open_source(state) as source:
        yield History(source, choose_session(source, session, state.home)), state


@contextlib.contextmanager
def open_source(state: State) -> Iterator[Source]:
    """The ledger itself, for questions about more than one session."""
    with contextlib.closing(reader.open_source(state.ledger_place)) as source:
        yield source


def summary_of(history: History, state: State) -> Summary:
    """The session's summary now."""
    return summarize(history, running=history.is_newest(state.home) and state.holder() is not None)
