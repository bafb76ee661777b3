"""What a session is doing this very moment, for whoever watches it from another process.

A small file that is written anew at each step. Only news: what must last is in the ledger, and when nobody is at work
the file says nothing.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from overnight.folders import write_whole
from overnight.goal.settings import Settings
from overnight.loop.events import SessionEvent, SessionOpened
from overnight.loop.state import State
from overnight.loop.underway import Underway


class Live(Underway):
    """What a session is at."""

    session: str
    pid: int


class Pulse:
    """Writes down what the session is at, event by event."""

    def __init__(self, state: State, settings: Settings) -> None:
        self._state = state
        self._place = _place(state)
        self._settings = settings
        self._live = Live(session="", pid=os.getpid())

    def follow(self, event: SessionEvent) -> None:
        """The session has taken a step. What the disk refuses is none of the session's business: this is only news."""
        if isinstance(event, SessionOpened):
            self._live = Live(session=event.session, pid=os.getpid())
        logs = str(self._state.logs(self._live.session).relative_to(self._state.folder))
        live = self._live.after(event, self._settings, logs)
        if live is self._live:
            return
        self._live = live
        with contextlib.suppress(OSError):
            write_whole(self._place, live.model_dump_json())

    def close(self) -> None:
        """Nobody is at work any more."""
        with contextlib.suppress(OSError):
            self._place.unlink()


def read_live(state: State) -> Live | None:
    """What the session that is at work is at; None when nobody is at work."""
    if state.holder() is None:
        return None
    try:
        return Live.model_validate_json(_place(state).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _place(state: State) -> Path:
    return state.folder / "now.json"
