"""What a session has come to in numbers: experiments, hours of work, money, troubles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from overnight.ledger.asking import NEWEST, NO_LIMIT, Asking, Event
from overnight.ledger.records import Resumed, Steered, Troubled, Verdict

FAILED: tuple[Verdict, ...] = ("crash", "timeout", "invalid")


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
        return sum(self.by_verdict.get(verdict, 0) for verdict in FAILED)


@dataclass(frozen=True)
class Spent:
    """What proposers have used up."""

    cost: float
    """US dollars."""
    tokens: int
    upto: int
    """The newest event that is counted."""


@dataclass(frozen=True)
class Proposing:
    """One proposer's part of a session."""

    who: str
    experiments: int
    kept: int
    gain: float
    """All that its kept changes brought, in the metric's unit; positive is better."""
    seconds: float
    """From asking it to the verdicts."""
    cost: float
    """US dollars, as far as anybody knows."""
    tokens: int


@dataclass(frozen=True)
class Used:
    """Where a session's time and power went."""

    runs: int
    """All that were made, those of a verification included."""
    measuring: float
    """Seconds that the session's own runs took."""
    verifying: float
    """Seconds that the runs of `overnight verify` took; they are no part of the session's hours."""
    proposing: float
    """Seconds that proposals and reviews took."""
    waiting: float
    """Seconds that were meant to be waited because something outside was wrong."""
    cpu: float
    """Processor seconds of all runs."""
    joules: float
    """What the machine used up during the runs that say so."""
    joules_known: int
    """How many runs say so."""


class Accounts(Asking):
    """Sums and counts over the events of one session."""

    def counts(self) -> Counts:
        """How the experiments ended."""
        of_experiments = "session = :session AND kind = 'judged' AND number > 0"
        sql = f"SELECT verdict, count(*) FROM events WHERE {of_experiments} AND {NEWEST} GROUP BY verdict"
        return Counts(dict(self._source.rows(sql, session=self.session)))

    def spent(self, after: int = 0) -> Spent:
        """What proposing has used up since the event `after`, as far as anybody knows."""
        sql = (
            "SELECT sum(CAST(payload ->> 'cost' AS FLOAT)), sum(CAST(payload ->> 'input_tokens' AS FLOAT)), "
            "sum(CAST(payload ->> 'output_tokens' AS FLOAT)), max(id) FROM events WHERE session = :session "
            "AND id > :after AND kind IN ('proposed', 'reviewed', 'troubled')"
        )
        cost, read, written, last = self._source.rows(sql, session=self.session, after=after)[0]
        return Spent(cost or 0.0, int(read or 0) + int(written or 0), last or after)

    def used(self) -> Used:
        """Where the time and the power went."""
        of_verify = "payload ->> 'role' IN ('verify_baseline', 'verify_best', 'verify_part')"
        wall = "CAST(payload ->> 'wall_seconds' AS FLOAT)"
        sql = (
            f"SELECT count(*), sum(CASE WHEN {of_verify} THEN 0 ELSE {wall} END), "
            f"sum(CASE WHEN {of_verify} THEN {wall} ELSE 0 END), sum(CAST(payload ->> 'cpu_seconds' AS FLOAT)), "
            "sum(CAST(payload ->> 'joules' AS FLOAT)), count(payload ->> 'joules') "
            "FROM events WHERE session = :session AND kind = 'measured'"
        )
        runs, measuring, verifying, cpu, joules, known = self._all(sql)[0]
        seconds, pause = "CAST(payload ->> 'seconds' AS FLOAT)", "CAST(payload ->> 'pause' AS FLOAT)"
        return Used(
            runs=runs,
            measuring=measuring or 0.0,
            verifying=verifying or 0.0,
            proposing=float(self._aggregate(f"sum({seconds})", "kind IN ('proposed', 'reviewed')")),
            waiting=float(self._aggregate(f"sum({pause})", "kind = 'troubled'")),
            cpu=cpu or 0.0,
            joules=joules or 0.0,
            joules_known=known,
        )

    def people(self) -> int:
        """How many have met a version of a live session: those of each trial's newest look."""
        met = "CAST(payload ->> 'trials' AS FLOAT) + CAST(payload ->> 'rival_trials' AS FLOAT)"
        newest = "SELECT max(id) FROM events WHERE session = :session AND kind = 'measured' GROUP BY number"
        return int(self._aggregate(f"sum({met})", f"kind = 'measured' AND id IN ({newest})"))

    def agents(self) -> set[str]:
        """All who were to propose at some time, as the settings name them."""
        resumed = [event.record for event in self._fetch("kind = 'resumed' AND number IS NULL")]
        named = [record.settings.get("agent", "search") for record in resumed if isinstance(record, Resumed)]
        return {who for agent in named for who in ([agent] if isinstance(agent, str) else agent)}

    def by_proposer(self) -> list[Proposing]:
        """What each proposer's experiments have come to, in the order of the first ones."""
        sql = (
            "SELECT payload ->> 'proposer', count(*), sum(CASE WHEN verdict = 'keep' THEN 1 ELSE 0 END), "
            "sum(CASE WHEN verdict = 'keep' THEN CAST(payload ->> 'gain' AS FLOAT) ELSE 0 END), "
            "sum(CAST(payload ->> 'seconds' AS FLOAT)) FROM events WHERE session = :session AND kind = 'judged' "
            f"AND number > 0 AND {NEWEST} GROUP BY payload ->> 'proposer' ORDER BY min(number)"
        )
        costs = (
            "SELECT payload ->> 'proposer', sum(CAST(payload ->> 'cost' AS FLOAT)), "
            "sum(CAST(payload ->> 'input_tokens' AS FLOAT)), sum(CAST(payload ->> 'output_tokens' AS FLOAT)) "
            "FROM events WHERE session = :session AND kind IN ('proposed', 'reviewed') GROUP BY payload ->> 'proposer'"
        )
        spent = {who: (cost or 0.0, int((read or 0) + (written or 0))) for who, cost, read, written in self._all(costs)}
        return [
            Proposing(who, count, kept, gain or 0.0, seconds or 0.0, *spent.get(who, (0.0, 0)))
            for who, count, kept, gain, seconds in self._all(sql)
        ]

    def _all(self, sql: str) -> Sequence[Sequence[Any]]:
        return self._source.rows(sql, session=self.session)

    def costs_last(self, count: int) -> dict[int, float]:
        """US dollars that each of the last proposals has cost, where that is known, by its number."""
        sql = (
            "SELECT number, CAST(payload ->> 'cost' AS FLOAT) FROM events WHERE session = :session "
            "AND kind = 'proposed' ORDER BY number DESC LIMIT :count"
        )
        rows = self._source.rows(sql, session=self.session, count=count)
        return {number: cost for number, cost in rows if cost is not None}

    def troubles(self) -> dict[str, int]:
        """How often something outside of the experiments was wrong, by what it was."""
        sql = (
            "SELECT payload ->> 'what', count(*) FROM events WHERE session = :session AND kind = 'troubled' "
            "GROUP BY payload ->> 'what'"
        )
        return dict(self._source.rows(sql, session=self.session))

    def machines(self) -> dict[str, int]:
        """How many runs each machine has made, the busiest first; "" is the session's own."""
        sql = (
            "SELECT coalesce(payload ->> 'machine', ''), count(*) FROM events WHERE session = :session "
            "AND kind = 'measured' GROUP BY coalesce(payload ->> 'machine', '') ORDER BY count(*) DESC, 1"
        )
        return dict(self._source.rows(sql, session=self.session))

    def has_places(self) -> bool:
        """Whether runs were made in several slots, or on another machine than the session's own."""
        elsewhere = "CAST(payload ->> 'slot' AS INTEGER) > 0 OR payload ->> 'machine' <> ''"
        sql = f"SELECT 1 FROM events WHERE session = :session AND kind = 'measured' AND ({elsewhere}) LIMIT 1"
        return bool(self._source.rows(sql, session=self.session))

    def waiting(self, now: float) -> Event | None:
        """The trouble that is waited out at the time `now` (Unix, seconds), if one is; `time + pause`: the next try.

        It is the last that happened. Only while an agent is waited for, what others have submitted is measured.
        """
        last, trouble = self.last_event(), self._last("troubled")
        if last is None or trouble is None or not isinstance(trouble.record, Troubled):
            return None
        is_over = trouble.id < self._last_id("resumed") or now >= trouble.time + trouble.record.pause
        return trouble if not is_over and (trouble.id == last.id or trouble.record.what == "agent") else None

    def paused(self) -> Event | None:
        """The request by which a person has paused the process that is at work, if it is paused."""
        asked = self._pauses(self._last_id("resumed"), NO_LIMIT)
        return (
            asked[-1] if asked and isinstance(asked[-1].record, Steered) and asked[-1].record.act == "pause" else None
        )

    def count(self, kind: str) -> int:
        """How many records of one kind there are."""
        return int(self._aggregate("count(*)", "kind = :kind", kind=kind))

    def last_number(self) -> int:
        """The number of the newest experiment, judged or not; 0 when there is none."""
        return int(self._aggregate("max(number)", "kind IN ('proposed', 'judged')"))

    def last_judged_number(self) -> int:
        """The largest number that has a verdict."""
        return int(self._aggregate("max(number)", "kind = 'judged'"))

    def done(self) -> int:
        """How many experiments have a verdict."""
        return int(self._aggregate("count(DISTINCT number)", "kind = 'judged' AND number > 0"))

    def last_kept_number(self) -> int:
        """The number of the newest experiment that is kept now; 0 when there is none."""
        return int(self._aggregate("max(number)", f"verdict = 'keep' AND {NEWEST}"))

    def worked_seconds(self, clock: float | None = None) -> float:
        """Seconds of work: from each resume to the last sign of life of the process that resumed.

        `clock` is the monotonic clock now, where the newest process is still at work. A clock that was set, and a
        machine that slept, do not count.
        """
        marks = self._fetch("kind = 'resumed' AND number IS NULL")
        total = 0.0
        for index, start in enumerate(marks):
            next_id = marks[index + 1].id if index + 1 < len(marks) else None
            last = self._last_sign_of(start, next_id)
            if start.clock is None or last.clock is None:
                total += max(last.time - start.time, 0.0)
            else:
                until = clock if next_id is None and clock is not None else last.clock
                total += max(until - start.clock - self._rested(start.id, next_id or NO_LIMIT, until), 0.0)
        return total

    def _rested(self, start_id: int, next_id: int, until: float) -> float:
        """Seconds for which a process was paused; `until` is its last sign of life, on its monotonic clock."""
        total, since = 0.0, None
        for event in self._pauses(start_id, next_id):
            is_pause = isinstance(event.record, Steered) and event.record.act == "pause"
            if is_pause:
                since = event.clock
            elif since is not None and event.clock is not None:
                total, since = total + event.clock - since, None
        return total + (max(until - since, 0.0) if since is not None else 0.0)

    def _pauses(self, start_id: int, next_id: int) -> list[Event]:
        """The pauses and resumes that were carried out between two events, in order."""
        where = (
            "kind = 'steered' AND +id > :start AND +id < :next AND payload ->> 'act' IN ('pause', 'resume') "
            "AND payload ->> 'refused' = ''"
        )
        return self._fetch(where, start=start_id, next=next_id)

    def _last_id(self, kind: str) -> int:
        return int(self._aggregate("max(id)", "kind = :kind AND number IS NULL", kind=kind))

    def _last_sign_of(self, start: Event, next_id: int | None) -> Event:
        """The last event that the process wrote; a verification that came after it is not its own."""
        own = "(kind <> 'measured' OR payload ->> 'role' IN ('baseline', 'candidate', 'incumbent'))"
        where = f"id >= :start AND id < :next AND kind NOT IN ('verified', 'verified_each') AND {own}"
        return self._fetch(where, newest=1, start=start.id, next=next_id or NO_LIMIT)[0]
