"""A session opened to be read, safe while another process works on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from overnight.ledger import reader
from overnight.ledger.asking import Event, expect
from overnight.ledger.history import History, choose_session
from overnight.ledger.reader import Source
from overnight.ledger.records import Proposed
from overnight.loop.live import read_live
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
    awaited = awaiting(history, state)
    return summarize(
        history,
        running=history.is_newest(state.home) and state.holder() is not None,
        awaits_approval=expect(Proposed, awaited).number if awaited else None,
    )


def awaiting(history: History, state: State) -> Event | None:
    """The proposal of the live variant that waits for a person's yes; None too while guards are still tried on it."""
    awaited = history.awaits_approval() if history.is_newest(state.home) else None
    live = read_live(state) if awaited else None
    return None if live is not None and all(slot.step != "approving" for slot in live.slots) else awaited
