"""What the ledger says about one session: the loop's state and the morning's story are both read from here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from overnight.errors import SessionError
from overnight.ledger.accounts import FAILED
from overnight.ledger.asking import EVENTS, NEWEST, NO_LIMIT, Event, among, event_of, expect
from overnight.ledger.people import People
from overnight.ledger.reader import Source
from overnight.ledger.records import (
    Judged,
    Measured,
    Proposed,
    Resumed,
    Reviewed,
    Role,
    SessionStarted,
    Settled,
    Stopped,
    Verdict,
    Verified,
    VerifiedEach,
)

VERIFYING: tuple[Role, ...] = (
    *("verify_baseline", "verify_best", "verify_part"),
    *("verify_candidate", "verify_incumbent", "control"),
)
"""Runs that may be scored on other data, so that no decision is taken on them."""
_BATCH = 1000


class History(People):
    """One session's events, asked as questions. Holds nothing: every answer is read from the ledger."""

    def is_newest(self, home: str = "") -> bool:
        """Whether no session of this home began after this one."""
        return sessions(self._source, home)[-1:] == [self.session]

    def started(self) -> SessionStarted:
        """What the session began with."""
        return expect(SessionStarted, self._last("session_started"))

    def settings_now(self) -> dict[str, object]:
        """The settings that the latest process goes by, as JSON."""
        resumed = self._last("resumed")
        return expect(Resumed, resumed).settings if resumed else self.started().settings

    def taken_up_by(self) -> int:
        """The id of the process that has taken the session up last."""
        return expect(Resumed, self._last("resumed")).pid

    def stopped(self) -> Stopped | None:
        """How the session was put down, or None while it is under way (or was killed)."""
        stopped, resumed = self._last("stopped"), self._last("resumed")
        if stopped is None or not isinstance(stopped.record, Stopped) or (resumed and resumed.id > stopped.id):
            return None
        return stopped.record

    def verified(self) -> Verified | None:
        """The latest verification, if there was one."""
        found = self._last("verified")
        return expect(Verified, found) if found else None

    def verified_each(self) -> VerifiedEach | None:
        """The latest verification of each kept change, if there was one."""
        found = self._last("verified_each")
        return expect(VerifiedEach, found) if found else None

    def baseline(self) -> Judged | None:
        """The baseline's verdict; None until it was measured."""
        return self.judged_number(0)

    def incumbent(self) -> Judged | None:
        """The verdict that made the version to beat: the last keep, or the baseline."""
        kept = self._fetch(f"verdict = 'keep' AND {NEWEST}", newest=1)
        return expect(Judged, kept[0]) if kept else self.baseline()

    def judged_number(self, number: int) -> Judged | None:
        """The verdict of one experiment as it stands, if it has one."""
        found = self._fetch("kind = 'judged' AND number = :number", newest=1, number=number)
        return expect(Judged, found[0]) if found else None

    def verdicts(self, number: int) -> list[Event]:
        """Every verdict that one experiment ever had, in order."""
        return self._fetch("kind = 'judged' AND number = :number", number=number)

    def judged_since(self, event_id: int) -> tuple[list[int], int]:
        """The experiments that got a verdict, or another one, after the event with this id; and the newest such id."""
        sql = (
            "SELECT number, max(id) FROM events WHERE session = :session AND kind = 'judged' AND id > :after "
            "GROUP BY number ORDER BY number"
        )
        rows = self._source.rows(sql, session=self.session, after=event_id)
        return [number for number, _ in rows], max((newest for _, newest in rows), default=event_id)

    def judged_after(self, number: int) -> Iterator[Judged]:
        """The verdicts of the experiments with larger numbers, in order, without holding them all."""
        while batch := self._judged(after=number, limit=_BATCH):
            yield from batch
            number = batch[-1].number

    def moves(self, after: int = -1) -> list[tuple[int, Verdict, float | None, float | None]]:
        """Number, verdict, metric and metric without the change of every experiment after that number, in order.

        A verdict that later runs have turned compares with the incumbent of then, not with that of its number.
        """
        metric, before = "CAST(payload ->> 'metric' AS FLOAT)", "CAST(payload ->> 'before' AS FLOAT)"
        sql = (
            f"SELECT number, verdict, {metric}, {before} FROM events WHERE session = :session "
            f"AND kind = 'judged' AND number > :after AND {NEWEST} ORDER BY number"
        )
        return [tuple(row) for row in self._source.rows(sql, session=self.session, after=after)]

    def dots_after(self, event_id: int) -> list[tuple[int, int, Verdict, float | None, float | None]]:
        """Event, number, verdict, metric and metric without the change of every verdict after that event, in order."""
        sql = (
            "SELECT id, number, verdict, CAST(payload ->> 'metric' AS FLOAT), CAST(payload ->> 'before' AS FLOAT) "
            "FROM events WHERE session = :session AND kind = 'judged' AND id > :after ORDER BY id"
        )
        return [tuple(row) for row in self._source.rows(sql, session=self.session, after=event_id)]

    def judged_last(self, count: int) -> list[Judged]:
        """The last verdicts (the baseline's not among them), oldest first."""
        return self._judged(after=0, limit=count, newest=True)[::-1]

    def kept(self) -> list[Judged]:
        """Every experiment that is kept now, in the order of the branch."""
        found = self._fetch(f"verdict = 'keep' AND {NEWEST}")
        return [expect(Judged, event) for event in found]

    def flagged(self) -> list[Judged]:
        """Every experiment that is suspicious, in the order of the verdicts that count."""
        found = self._fetch(f"kind = 'judged' AND payload ->> 'flags' <> '[]' AND {NEWEST}")
        return [expect(Judged, event) for event in found]

    def taken_back(self) -> list[Judged]:
        """Every experiment that was kept for a while and is no longer, in the order of the verdicts that count."""
        once = "SELECT number FROM events AS kept WHERE kept.session = :session AND kept.verdict = 'keep'"
        found = self._fetch(f"kind = 'judged' AND verdict <> 'keep' AND number IN ({once}) AND {NEWEST}")
        return [expect(Judged, event) for event in found]

    def failed(self, count: int) -> list[Judged]:
        """The last experiments that crashed, ran out of time or broke a rule, oldest first."""
        return self._judged(verdicts=FAILED, limit=count, newest=True)[::-1]

    def version_judged(self, commit: str) -> Judged | None:
        """The verdict by which a version became the incumbent: that of a keep, or the baseline's."""
        if commit == self.started().base:
            return self.baseline()
        found = self._fetch("verdict = 'keep' AND payload ->> 'commit' = :commit", newest=1, commit=commit)
        return expect(Judged, found[0]) if found else None

    def runs(self, number: int) -> list[Measured]:
        """Every run made for one experiment, in order (0: the baseline's); also those of `verify`."""
        found = self._fetch("kind = 'measured' AND number = :number", number=number)
        return [expect(Measured, event) for event in found]

    def runs_and_verdicts(self) -> Iterator[Measured | Judged | Settled]:
        """Every run, every verdict and what was settled, in the order of things, without holding them all."""
        after = 0
        sql = f"{EVENTS} AND kind IN ('measured', 'judged', 'settled') AND id > :after ORDER BY id LIMIT :most"
        while rows := self._source.rows(sql, session=self.session, after=after, most=_BATCH):
            events = [event_of(row) for row in rows]
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

    def review(self) -> Reviewed | None:
        """What a proposer wrote down when it last looked back, if any did."""
        found = self._fetch("kind = 'reviewed' AND payload ->> 'text' <> ''")
        return expect(Reviewed, found[-1]) if found else None

    def awaits_approval(self) -> Event | None:
        """The proposal that must not go out before a person has said yes, where nobody has said anything yet."""
        live = self.settings_now().get("live")
        if not isinstance(live, dict) or live.get("approve") != "human":
            return None
        found = self._fetch("kind = 'proposed'", newest=1)
        last = expect(Proposed, found[0]) if found else None
        if last is None or last.commit is None or self.judged_number(last.number) or self.approval(last.number):
            return None
        return found[0]

    def settled(self) -> set[int]:
        """The keeps that are in every version and cannot be taken back any more."""
        return {number for event in self._fetch("kind = 'settled'") for number in expect(Settled, event).numbers}

    def last_reviewed_number(self) -> int:
        """The newest experiment that a proposer has looked back at, or tried to."""
        return int(self._aggregate("max(number)", "kind = 'reviewed'"))

    def made(self, commit: str) -> bool:
        """Whether a commit is the baseline's or a version that was kept at some time."""
        where = "verdict = 'keep' AND payload ->> 'commit' = :commit"
        return commit == self.started().base or self._aggregate("count(*)", where, commit=commit) > 0

    def _judged(
        self, *, after: int = -1, verdicts: Sequence[Verdict] = (), limit: int | None = None, newest: bool = False
    ) -> list[Judged]:
        judged, order = among(verdicts) if verdicts else "kind = 'judged'", "DESC" if newest else "ASC"
        sql = f"{EVENTS} AND {judged} AND number > :after AND {NEWEST} ORDER BY number {order} LIMIT :limit"
        rows = self._source.rows(sql, session=self.session, after=after, limit=NO_LIMIT if limit is None else limit)
        return [expect(Judged, event_of(row)) for row in rows]


def sessions(source: Source, home: str = "") -> list[str]:
    """Every session, oldest first; in a ledger that many share, those of one home."""
    # An index alone finds them; asked for plainly, in order, SQLite would read the whole ledger.
    begun = "SELECT session FROM events WHERE id IN (SELECT id FROM events WHERE kind = 'session_started')"
    if not home:
        return [name for (name,) in source.rows(f"{begun} ORDER BY id")]
    return [name for (name,) in source.rows(f"{begun} AND payload ->> 'home' = :home ORDER BY id", home=home)]


def last_session(source: Source, goal_file: str, home: str = "") -> str | None:
    """The newest session of the goal in the file of that name; None where there is none."""
    names = reversed(sessions(source, home))
    return next((name for name in names if History(source, name).started().goal_file == goal_file), None)


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
