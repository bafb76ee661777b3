"""What the ledger says about one session: the loop's state and the morning's story are both read from here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from overnight.errors import SessionError
from overnight.ledger.reader import Source
from overnight.ledger.records import (
    RECORD_KINDS,
    Judged,
    Measured,
    Proposed,
    Record,
    Resumed,
    Role,
    SessionStarted,
    Settled,
    Stopped,
    Troubled,
    Verdict,
    Verified,
    VerifiedEach,
)

_R = TypeVar("_R", bound=Record)
VERIFYING: tuple[Role, ...] = (
    *("verify_baseline", "verify_best", "verify_part"),
    *("verify_candidate", "verify_incumbent", "control"),
)
"""Runs that may be scored on other data, so that no decision is taken on them."""
_BATCH = 1000
_NO_LIMIT = 2**31 - 1
_FAILED: tuple[Verdict, ...] = ("crash", "timeout", "invalid")
_NEWEST = (
    "NOT EXISTS (SELECT 1 FROM events AS later WHERE later.session = events.session AND later.kind = 'judged' "
    "AND later.number = events.number AND later.id > events.id)"
)
"""Of verdicts that were changed, the one that counts."""
_EVENTS = "SELECT id, time, clock, kind, CAST(payload AS TEXT) FROM events WHERE session = :session"


@dataclass(frozen=True)
class Event:
    """A record, its place in the order of things, and when it was written."""

    id: int
    time: float
    """Unix time, seconds."""
    clock: float | None
    """The writing machine's monotonic clock, seconds; None in a ledger that came from an older program."""
    record: Record


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

    def __init__(self, source: Source, session: str) -> None:
        self._source = source
        self.session = session

    def is_newest(self, home: str = "") -> bool:
        """Whether no session of this home began after this one."""
        return sessions(self._source, home)[-1:] == [self.session]

    def started(self) -> SessionStarted:
        """What the session began with."""
        return _expect(SessionStarted, self._last("session_started"))

    def settings_now(self) -> dict[str, object]:
        """The settings that the latest process goes by, as JSON."""
        resumed = self._last("resumed")
        return _expect(Resumed, resumed).settings if resumed else self.started().settings

    def last_event(self) -> Event | None:
        """The latest thing that happened."""
        found = self._fetch("TRUE", newest=1)
        return found[0] if found else None

    def stopped(self) -> Stopped | None:
        """How the session was put down, or None while it is under way (or was killed)."""
        last = self._fetch("kind IN ('stopped', 'resumed')", newest=1)
        record = last[0].record if last else None
        return record if isinstance(record, Stopped) else None

    def verified(self) -> Verified | None:
        """The latest verification, if there was one."""
        found = self._last("verified")
        return _expect(Verified, found) if found else None

    def verified_each(self) -> VerifiedEach | None:
        """The latest verification of each kept change, if there was one."""
        found = self._last("verified_each")
        return _expect(VerifiedEach, found) if found else None

    def baseline(self) -> Judged | None:
        """The baseline's verdict; None until it was measured."""
        return self.judged_number(0)

    def incumbent(self) -> Judged | None:
        """The verdict that made the version to beat: the last keep, or the baseline."""
        kept = self._fetch(f"kind = 'judged' AND verdict = 'keep' AND {_NEWEST}", newest=1)
        return _expect(Judged, kept[0]) if kept else self.baseline()

    def judged_number(self, number: int) -> Judged | None:
        """The verdict of one experiment as it stands, if it has one."""
        found = self._fetch("kind = 'judged' AND number = :number", newest=1, number=number)
        return _expect(Judged, found[0]) if found else None

    def verdicts(self, number: int) -> list[Event]:
        """Every verdict that one experiment ever had, in order."""
        return self._fetch("kind = 'judged' AND number = :number", number=number)

    def judged_after(self, number: int) -> Iterator[Judged]:
        """The verdicts of the experiments with larger numbers, in order, without holding them all."""
        while batch := self._judged(after=number, limit=_BATCH):
            yield from batch
            number = batch[-1].number

    def judged_last(self, count: int) -> list[Judged]:
        """The last verdicts (the baseline's not among them), oldest first."""
        return self._judged(after=0, limit=count, newest=True)[::-1]

    def kept(self) -> list[Judged]:
        """Every experiment that is kept now, in the order of the branch."""
        found = self._fetch(f"kind = 'judged' AND verdict = 'keep' AND {_NEWEST}")
        return [_expect(Judged, event) for event in found]

    def kept_best(self, count: int) -> list[Judged]:
        """Those of the experiments kept now that brought the most, best first."""
        by_gain = "CAST(payload ->> 'gain' AS FLOAT) DESC, id"
        sql = f"{_EVENTS} AND kind = 'judged' AND verdict = 'keep' AND {_NEWEST} ORDER BY {by_gain} LIMIT :limit"
        rows = self._source.rows(sql, session=self.session, limit=count)
        return [_expect(Judged, _event(row)) for row in rows]

    def flagged(self) -> list[Judged]:
        """Every experiment that is suspicious, in the order of the verdicts that count."""
        found = self._fetch(f"kind = 'judged' AND payload ->> 'flags' <> '[]' AND {_NEWEST}")
        return [_expect(Judged, event) for event in found]

    def failed(self, count: int) -> list[Judged]:
        """The last experiments that crashed, ran out of time or broke a rule, oldest first."""
        return self._judged(verdicts=_FAILED, limit=count, newest=True)[::-1]

    def proposed(self, number: int) -> Proposed | None:
        """The proposal of one experiment."""
        found = self._fetch("kind = 'proposed' AND number = :number", newest=1, number=number)
        return _expect(Proposed, found[0]) if found else None

    def proposed_after(self, number: int) -> Iterator[Proposed]:
        """The proposals with larger numbers, in order, without holding them all."""
        sql = f"{_EVENTS} AND kind = 'proposed' AND number > :after ORDER BY number LIMIT :limit"
        while rows := self._source.rows(sql, session=self.session, after=number, limit=_BATCH):
            batch = [_expect(Proposed, _event(row)) for row in rows]
            yield from batch
            number = batch[-1].number

    def last_proposed(self) -> Proposed | None:
        """The newest proposal."""
        found = self._last("proposed")
        return _expect(Proposed, found) if found else None

    def runs(self, number: int) -> list[Measured]:
        """Every run made for one experiment, in order (0: the baseline's); also those of `verify`."""
        found = self._fetch("kind = 'measured' AND number = :number", number=number)
        return [_expect(Measured, event) for event in found]

    def runs_and_verdicts(self) -> Iterator[Measured | Judged | Settled]:
        """Every run, every verdict and what was settled, in the order of things, without holding them all."""
        after = 0
        sql = f"{_EVENTS} AND kind IN ('measured', 'judged', 'settled') AND id > :after ORDER BY id LIMIT :most"
        while rows := self._source.rows(sql, session=self.session, after=after, most=_BATCH):
            events = [_event(row) for row in rows]
            yield from (event.record for event in events if isinstance(event.record, Measured | Judged | Settled))
            after = events[-1].id

    def baseline_runs(self) -> list[Measured]:
        """The baseline's runs that gave a metric."""
        return [run for run in self.runs(0) if run.role == "baseline" and run.value is not None]

    def is_noisy(self) -> bool:
        """Whether any version was run more than once and did not give the same each time (against the same rival)."""
        value, rival = "payload ->> 'value'", "payload ->> 'rival'"
        sql = (
            "SELECT 1 FROM events WHERE session = :session AND kind = 'measured' "
            "AND payload ->> 'outcome' = 'ok' AND payload ->> 'role' IN ('baseline', 'candidate', 'incumbent') "
            f"GROUP BY fingerprint, payload ->> 'rival_fingerprint' "
            f"HAVING min({value}) <> max({value}) OR min({rival}) <> max({rival}) LIMIT 1"
        )
        return bool(self._source.rows(sql, session=self.session))

    def tried(self, fingerprint: str) -> bool:
        """Whether a candidate with exactly these contents was proposed before."""
        where = "fingerprint = :fingerprint AND kind = 'proposed'"
        return self._aggregate("count(*)", where, fingerprint=fingerprint) > 0

    def made(self, commit: str) -> bool:
        """Whether a commit is the baseline's or a version that was kept at some time."""
        where = "kind = 'judged' AND payload ->> 'commit' = :commit"
        return commit == self.started().base or self._aggregate("count(*)", where, commit=commit) > 0

    def counts(self) -> Counts:
        """How the experiments ended."""
        of_experiments = "session = :session AND kind = 'judged' AND number > 0"
        sql = f"SELECT verdict, count(*) FROM events WHERE {of_experiments} AND {_NEWEST} GROUP BY verdict"
        return Counts(dict(self._source.rows(sql, session=self.session)))

    def spent(self) -> float:
        """US dollars that proposals have cost, as far as the proposers say so."""
        return self._aggregate("sum(CAST(payload ->> 'cost' AS FLOAT))", "kind = 'proposed'")

    def troubles(self) -> dict[str, int]:
        """How often something outside of the experiments was wrong, by what it was."""
        sql = (
            "SELECT payload ->> 'what', count(*) FROM events WHERE session = :session AND kind = 'troubled' "
            "GROUP BY payload ->> 'what'"
        )
        return dict(self._source.rows(sql, session=self.session))

    def waiting(self) -> Event | None:
        """The trouble that the session waits out, if the last that happened is one; `time + pause`: the next try."""
        last = self.last_event()
        return last if last is not None and isinstance(last.record, Troubled) else None

    def count(self, kind: str) -> int:
        """How many records of one kind there are."""
        return int(self._aggregate("count(*)", "kind = :kind", kind=kind))

    def last_number(self) -> int:
        """The number of the newest experiment, judged or not; 0 when there is none."""
        return int(self._aggregate("max(number)", "kind IN ('proposed', 'judged')"))

    def last_judged_number(self) -> int:
        """The largest number that has a verdict: how many experiments are done, since they are done in order."""
        return int(self._aggregate("max(number)", "kind = 'judged'"))

    def last_kept_number(self) -> int:
        """The number of the newest experiment that is kept now; 0 when there is none."""
        return int(self._aggregate("max(number)", f"kind = 'judged' AND verdict = 'keep' AND {_NEWEST}"))

    def worked_seconds(self, clock: float | None = None) -> float:
        """Seconds of work: from each resume to the last sign of life of the process that resumed.

        `clock` is the monotonic clock now, where the newest process is still at work. A clock that was set, and a
        machine that slept, do not count.
        """
        marks = self._fetch("kind = 'resumed'")
        total = 0.0
        for index, start in enumerate(marks):
            next_id = marks[index + 1].id if index + 1 < len(marks) else None
            last = self._last_sign_of(start, next_id)
            if start.clock is None or last.clock is None:
                total += max(last.time - start.time, 0.0)
            else:
                until = clock if next_id is None and clock is not None else last.clock
                total += max(until - start.clock, 0.0)
        return total

    def _last_sign_of(self, start: Event, next_id: int | None) -> Event:
        """The last event that the process wrote; a verification that came after it is not its own."""
        own = "(kind <> 'measured' OR payload ->> 'role' IN ('baseline', 'candidate', 'incumbent'))"
        where = f"id >= :start AND id < :next AND kind NOT IN ('verified', 'verified_each') AND {own}"
        return self._fetch(where, newest=1, start=start.id, next=next_id or _NO_LIMIT)[0]

    def _judged(
        self, *, after: int = -1, verdicts: Sequence[Verdict] = (), limit: int | None = None, newest: bool = False
    ) -> list[Judged]:
        among = f" AND verdict IN ({', '.join(repr(verdict) for verdict in verdicts)})" if verdicts else ""
        order = "DESC" if newest else "ASC"
        where = f"kind = 'judged' AND number > :after{among} AND {_NEWEST}"
        sql = f"{_EVENTS} AND {where} ORDER BY number {order} LIMIT :limit"
        rows = self._source.rows(sql, session=self.session, after=after, limit=_NO_LIMIT if limit is None else limit)
        return [_expect(Judged, _event(row)) for row in rows]

    def _last(self, kind: str) -> Event | None:
        found = self._fetch("kind = :kind", newest=1, kind=kind)
        return found[0] if found else None

    def _fetch(self, where: str, *, newest: int | None = None, **parameters: object) -> list[Event]:
        """The events for which `where` holds, in order; or the `newest` so many, the last one first."""
        order = "id" if newest is None else "id DESC LIMIT :newest"
        limit = {} if newest is None else {"newest": newest}
        sql = f"{_EVENTS} AND {where} ORDER BY {order}"
        return [_event(row) for row in self._source.rows(sql, session=self.session, **limit, **parameters)]

    def _aggregate(self, what: str, where: str, **parameters: object) -> float:
        sql = f"SELECT {what} FROM events WHERE session = :session AND {where}"
        return self._source.rows(sql, session=self.session, **parameters)[0][0] or 0


def sessions(source: Source, home: str = "") -> list[str]:
    """Every session, oldest first; in a ledger that many share, those of one home."""
    begun = "SELECT session FROM events WHERE kind = 'session_started'"
    if not home:
        return [name for (name,) in source.rows(f"{begun} ORDER BY id")]
    return [name for (name,) in source.rows(f"{begun} AND payload ->> 'home' = :home ORDER BY id", home=home)]


def choose_session(source: Source, name: str | None, home: str = "") -> str:
    """The session called `name`, or the newest one of this home. Raises SessionError if there is none."""
    if name is not None:
        known = sessions(source)
        if name not in known:
            raise SessionError(f"there is no session {name!r} here; there are {', '.join(known[-10:]) or 'none'}")
        return name
    own = sessions(source, home)
    if not own:
        raise SessionError("nothing was run here yet; `overnight run` starts a session")
    return own[-1]


def _event(row: Sequence[Any]) -> Event:
    event_id, time, clock, kind, payload = row
    return Event(event_id, time, clock, RECORD_KINDS[kind].model_validate_json(payload))


def _expect(kind: type[_R], event: Event | None) -> _R:
    """The event's record, which the query has made sure is of this kind."""
    if event is None or not isinstance(event.record, kind):
        raise SessionError(f"the ledger has no {kind.__name__} record where one must be; it may be damaged")
    return event.record
