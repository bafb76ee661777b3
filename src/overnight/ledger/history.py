"""What the ledger says about one session: the loop's state and the morning's story are both read from here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Select, bindparam, func, select

from overnight.errors import SessionError
from overnight.ledger.records import (
    Judged,
    Measured,
    Proposed,
    Record,
    Resumed,
    Role,
    SessionStarted,
    Stopped,
    Verdict,
    Verified,
)
from overnight.ledger.store import Event, Ledger, events

_R = TypeVar("_R", bound=Record)
VERIFYING: tuple[Role, ...] = ("verify_baseline", "verify_best")
"""Runs that may be scored on other data, so that no decision is taken on them."""
_BATCH = 500
_FAILED: tuple[Verdict, ...] = ("crash", "timeout", "invalid")


@dataclass(frozen=True)
class Counts:
    """How many experiments ended how; the baseline is not one of them."""

    by_verdict: dict[str, int]

    @property
    def experiments(self) -> int:
        """All that have a verdict."""
        return sum(self.by_verdict.values())

    @property
    def kept(self) -> int:
        """Those on the branch."""
        return self.by_verdict.get("keep", 0)

    @property
    def failed(self) -> int:
        """Those that crashed, ran out of time or broke a rule."""
        return sum(self.by_verdict.get(verdict, 0) for verdict in _FAILED)


class History:
    """One session's events, asked as questions. Holds nothing: every answer is read from the ledger."""

    def __init__(self, ledger: Ledger, session: str) -> None:
        self.ledger = ledger
        self.session = session

    def append(self, record: Record) -> None:
        """Write what happened. Only when this returns did it happen."""
        self.ledger.append(self.session, record)

    def started(self) -> SessionStarted:
        """What the session began with."""
        return _expect(SessionStarted, self._last("session_started"))

    def settings_now(self) -> dict[str, object]:
        """The settings that the latest process goes by, as JSON."""
        resumed = self._last("resumed")
        return _expect(Resumed, resumed).settings if resumed else self.started().settings

    def last_event(self) -> Event | None:
        """The latest thing that happened."""
        found = self._fetch(limit=1, newest=True)
        return found[0] if found else None

    def stopped(self) -> Stopped | None:
        """How the session was put down, or None while it is under way (or was killed)."""
        last = self._fetch(kinds=("stopped", "resumed"), limit=1, newest=True)
        record = last[0].record if last else None
        return record if isinstance(record, Stopped) else None

    def verified(self) -> Verified | None:
        """The latest verification, if there was one."""
        found = self._last("verified")
        return _expect(Verified, found) if found else None

    def baseline(self) -> Judged | None:
        """The baseline's verdict; None until it was measured."""
        return self.judged_number(0)

    def incumbent(self) -> Judged | None:
        """The verdict that made the version to beat: the last keep, or the baseline."""
        kept = self._judged(verdicts=("keep",), limit=1, newest=True)
        return kept[0] if kept else self.baseline()

    def judged_number(self, number: int) -> Judged | None:
        """The verdict of one experiment, if it has one."""
        found = self._fetch(kinds=("judged",), number=number, limit=1, newest=True)
        return _expect(Judged, found[0]) if found else None

    def judged_after(self, number: int) -> Iterator[Judged]:
        """The verdicts of the experiments with larger numbers, in order, without holding them all."""
        while batch := self._judged(after=number, limit=_BATCH):
            yield from batch
            number = batch[-1].number

    def judged_last(self, count: int) -> list[Judged]:
        """The last verdicts (the baseline's not among them), oldest first."""
        return self._judged(after=0, limit=count, newest=True)[::-1]

    def kept(self) -> list[Judged]:
        """Every keep, oldest first."""
        return self._judged(verdicts=("keep",))

    def failed(self, count: int) -> list[Judged]:
        """The last experiments that crashed, ran out of time or broke a rule, oldest first."""
        return self._judged(verdicts=_FAILED, limit=count, newest=True)[::-1]

    def proposed(self, number: int) -> Proposed | None:
        """The proposal of one experiment."""
        found = self._fetch(kinds=("proposed",), number=number, limit=1, newest=True)
        return _expect(Proposed, found[0]) if found else None

    def last_proposed(self) -> Proposed | None:
        """The newest proposal."""
        found = self._last("proposed")
        return _expect(Proposed, found) if found else None

    def runs(self, number: int) -> list[Measured]:
        """Every run made for one experiment, in order (0: the baseline's); also those of `verify`."""
        return [_expect(Measured, event) for event in self._fetch(kinds=("measured",), number=number)]

    def runs_of(self, fingerprint: str, limit: int = 100) -> list[Measured]:
        """The last runs made of one very version for any experiment, in order; those of `verify` are not among them."""
        found = self.ledger.fetch(_OF_VERSION, session=self.session, fingerprint=fingerprint, limit=limit)
        runs = [_expect(Measured, event) for event in reversed(found)]
        return [run for run in runs if run.role not in VERIFYING]

    def tried(self, fingerprint: str) -> bool:
        """Whether a candidate with exactly these contents was proposed before."""
        return self.ledger.scalar(_TRIED, session=self.session, fingerprint=fingerprint) is not None

    def counts(self) -> Counts:
        """How the experiments ended."""
        return Counts(dict(self.ledger.rows(_COUNTS, session=self.session)))

    def count(self, kind: str) -> int:
        """How many records of one kind there are."""
        return int(self.ledger.scalar(_COUNT, session=self.session, kind=kind) or 0)

    def last_number(self) -> int:
        """The number of the newest experiment, judged or not; 0 when there is none."""
        return int(self.ledger.scalar(_LAST_NUMBER, session=self.session) or 0)

    def worked_seconds(self, until: float) -> float:
        """Seconds of work: from each resume to the last sign of life before the next one, `until` for the current one."""
        marks = self._fetch(kinds=("resumed",))
        total = 0.0
        for index, start in enumerate(marks):
            last = index + 1 == len(marks)
            total += (until if last else self._last_time_before(marks[index + 1].id)) - start.time
        return max(total, 0.0)

    def _last_time_before(self, event_id: int) -> float:
        return float(self.ledger.scalar(_LAST_TIME_BEFORE, session=self.session, id=event_id) or 0.0)

    def _judged(
        self, *, after: int = -1, verdicts: Sequence[Verdict] = (), limit: int | None = None, newest: bool = False
    ) -> list[Judged]:
        query = _judged_query(tuple(verdicts), newest, limit)
        found = self.ledger.fetch(query, session=self.session, after=after)
        return [_expect(Judged, event) for event in found]

    def _last(self, kind: str) -> Event | None:
        found = self._fetch(kinds=(kind,), limit=1, newest=True)
        return found[0] if found else None

    def _fetch(
        self, *, kinds: Sequence[str] = (), number: int | None = None, limit: int | None = None, newest: bool = False
    ) -> list[Event]:
        query = _events_query(tuple(kinds), number is not None, newest, limit)
        return self.ledger.fetch(query, session=self.session, number=number)


# A query is built once for each of its shapes: SQLAlchemy takes longer to build one than SQLite to answer it.


@lru_cache
def _judged_query(verdicts: tuple[Verdict, ...], newest: bool, limit: int | None) -> Select[Any]:
    query = select(events).where(
        events.c.session == bindparam("session"), events.c.kind == "judged", events.c.number > bindparam("after")
    )
    if verdicts:
        query = query.where(events.c.verdict.in_(verdicts))
    return query.order_by(events.c.number.desc() if newest else events.c.number).limit(limit)


@lru_cache
def _events_query(kinds: tuple[str, ...], by_number: bool, newest: bool, limit: int | None) -> Select[Any]:
    query = select(events).where(events.c.session == bindparam("session"))
    if kinds:
        query = query.where(events.c.kind.in_(kinds))
    if by_number:
        query = query.where(events.c.number == bindparam("number"))
    return query.order_by(events.c.id.desc() if newest else events.c.id).limit(limit)


_OF_VERSION = (
    select(events)
    .where(
        events.c.session == bindparam("session"),
        events.c.fingerprint == bindparam("fingerprint"),
        events.c.kind == "measured",
    )
    .order_by(events.c.id.desc())
    .limit(bindparam("limit"))
)
_TRIED = (
    select(events.c.id)
    .where(
        events.c.session == bindparam("session"),
        events.c.fingerprint == bindparam("fingerprint"),
        events.c.kind == "proposed",
    )
    .limit(1)
)
_COUNTS = (
    select(events.c.verdict, func.count())
    .where(events.c.session == bindparam("session"), events.c.kind == "judged", events.c.number > 0)
    .group_by(events.c.verdict)
)
_COUNT = select(func.count()).where(events.c.session == bindparam("session"), events.c.kind == bindparam("kind"))
_LAST_NUMBER = select(func.max(events.c.number)).where(
    events.c.session == bindparam("session"), events.c.kind.in_(("proposed", "judged"))
)
_LAST_TIME_BEFORE = select(func.max(events.c.time)).where(
    events.c.session == bindparam("session"), events.c.id < bindparam("id")
)


def last_session(ledger: Ledger, goal_file: str) -> History | None:
    """The newest session of the goal in `goal_file`."""
    for session in reversed(ledger.sessions()):
        history = History(ledger, session)
        if history.started().goal_file == goal_file:
            return history
    return None


def find_session(ledger: Ledger, name: str | None) -> History:
    """The session called `name`, or the newest one. Raises SessionError if there is none."""
    sessions = ledger.sessions()
    if not sessions:
        raise SessionError("nothing was run here yet; `overnight run` starts a session")
    if name is not None and name not in sessions:
        raise SessionError(f"there is no session {name!r} here; there are {', '.join(sessions[-10:])}")
    return History(ledger, name or sessions[-1])


def _expect(kind: type[_R], event: Event | None) -> _R:
    """The event's record, which the query has made sure is of this kind."""
    if event is None or not isinstance(event.record, kind):
        raise SessionError(f"the ledger has no {kind.__name__} record where one must be; it may be damaged")
    return event.record
