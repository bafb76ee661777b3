"""Looks at a session again and again, at next to no cost as long as nothing happens."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from overnight.dashboard.outputs import tail_of
from overnight.dashboard.standing import nothing, standing
from overnight.dashboard.variant import waiting_variant
from overnight.dashboard.wishes import wishes_of
from overnight.errors import OvernightError, SessionError
from overnight.ledger.browsing import Browsing, newest_event
from overnight.ledger.history import History, choose_session
from overnight.ledger.reader import Source
from overnight.loop.activity import Activity
from overnight.loop.live import read_live
from overnight.loop.reading import open_source
from overnight.loop.state import State
from overnight.morning.plain import printable

_SHARE = 10
"""Adding up a very long session takes a while, so it is done in a tenth of the time at most."""
_NO_WISHES: dict[str, Any] = {"waiting": [], "written": [], "standing": []}
_NOTHING: dict[str, Any] = {"places": 1, "slots": [], "thinking": [], "waiting": 0}


@dataclass(frozen=True)
class Fact:
    """Something that the page shows."""

    value: dict[str, Any]
    version: int
    """Grows when it has changed."""


@dataclass
class Seen:
    """How things stood at the last look."""

    session: str | None = None
    newest: int = 0
    """The last event of all sessions."""
    facts: dict[str, Fact] = field(default_factory=dict)


class Poller:
    """Keeps what was seen. To be used by one thread at a time."""

    def __init__(self, state: State, session: str | None) -> None:
        """`session`: None for the newest, whichever that is by then."""
        self._state = state
        self._wanted = session
        self._mark: object = None
        self._summary_mark: object = None
        self._summary_due = 0.0
        self.seen = Seen()

    def poll(self) -> Seen:
        """How things stand now. What cannot be read is said in the fact `fault`; nothing is raised."""
        try:
            self._poll()
            self._put("fault", {"words": ""})
        except OvernightError as error:
            self._mark = None
            self._put("fault", {"words": str(error)})
        except Exception as error:  # A dashboard that cannot look must not end, and ends nobody else.
            self._mark = None
            self._put("fault", {"words": f"the session cannot be read now ({type(error).__name__})"})
        return self.seen

    def _poll(self) -> None:
        try:
            with open_source(self._state) as source:
                self._poll_source(source)
        except SessionError as error:
            self._mark, self._summary_mark, self.seen.session = None, None, None
            self._put("summary", nothing(error))
            self._put("wishes", _NO_WISHES)
            self._put("approval", {"number": None, "since": None})
            self._put("now", _NOTHING)

    def _poll_source(self, source: Source) -> None:
        newest, holder = newest_event(source), self._state.holder()
        mark = (newest, holder, _changed(self._state.inbox.folder), self._told_by_nobody_else())
        if mark != self._mark:
            session = choose_session(source, self._wanted, self._state.home)
            if session != self.seen.session:
                self._summary_mark, self._summary_due = None, 0.0
            history = History(source, session)
            self._put("wishes", wishes_of(history, Browsing(source, session), self._state))
            self._put("approval", waiting_variant(history, self._state))
            self.seen.session, self.seen.newest, self._mark = session, newest, mark
        if mark != self._summary_mark and time.monotonic() >= self._summary_due and self.seen.session:
            began = time.monotonic()
            summary = standing(History(source, self.seen.session), self._state)
            self._put("summary", summary, but=("worked_seconds", "as_of"))
            self._summary_mark, ended = mark, time.monotonic()
            self._summary_due = ended + _SHARE * (ended - began)
        self._put("now", {**self._now(), "clock": time.time()}, but=("clock",))

    def _told_by_nobody_else(self) -> object:
        """What is no event in the ledger: whether a variant has passed its guards, how many slots there are, and
        whether somebody thinks, who may have been waited for."""
        live = read_live(self._state)
        return live and (live.places, any(slot.step == "approving" for slot in live.slots), bool(live.thinking))

    def _now(self) -> dict[str, Any]:
        live = read_live(self._state)
        if live is None or live.session != self.seen.session:
            return _NOTHING
        return {
            "places": live.places,
            "slots": [self._shown(one) for one in live.stage],
            "thinking": [self._shown(one) for one in live.beside],
            "waiting": len(live.ready),
        }

    def _shown(self, one: Activity) -> dict[str, Any]:
        logs, output = self._state.logs(self.seen.session or ""), one.output
        tail = tail_of(self._state.folder / output, logs) if output else ""
        return {**one.model_dump(exclude={"output", "course"}), "tail": tail}

    def _put(self, name: str, value: dict[str, Any], but: tuple[str, ...] = ()) -> None:
        """Take note of a fact. What always changes makes it no other one."""
        known = self.seen.facts.get(name)
        if known is not None and _without(known.value, but) == _without(value, but):
            return
        self.seen.facts[name] = Fact(value, known.version + 1 if known else 1)


def as_json(value: object) -> bytes:
    """JSON in one line: numbers that it does not know are null, marks that turn the direction of writing are seen."""
    return printable(to_json(value, inf_nan_mode="null").decode()).encode()


def _without(value: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: entry for name, entry in value.items() if name not in names}


def _changed(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
