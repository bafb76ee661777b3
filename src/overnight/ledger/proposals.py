"""What the ledger says about proposals: what was tried, what is still to be decided, and what it is by now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from overnight.ledger.accounts import Accounts
from overnight.ledger.asking import NEWEST, Event, expect
from overnight.ledger.records import Carried, Proposed

_BATCH = 1000
_MADE = "kind IN ('proposed', 'carried')"


class Proposals(Accounts):
    """Questions about the proposals of one session."""

    def proposed(self, number: int) -> Proposed | None:
        """The proposal of one experiment, as it was carried over since."""
        return next(iter(self.candidates(number)[-1:]), None)

    def candidates(self, number: int) -> list[Proposed]:
        """The proposal of one experiment as it was made, and as it was carried over each time; the last counts."""
        return _as_carried(self._fetch(f"{_MADE} AND number = :number", number=number)).get(number, [])

    def last_proposed(self) -> Proposed | None:
        """The newest proposal, as it was carried over since."""
        return self.proposed(self.last_number())

    def undecided(self) -> list[Proposed]:
        """The proposals that have no verdict yet, as they were carried over since, in the order of their numbers."""
        judged = "SELECT number FROM events AS done WHERE done.session = :session AND done.kind = 'judged'"
        found = _as_carried(self._fetch(f"{_MADE} AND number NOT IN ({judged})"))
        return [found[number][-1] for number in sorted(found)]

    def proposed_after(self, number: int) -> Iterator[Proposed]:
        """The proposals with larger numbers as they were carried over, in order, without holding them all."""
        sql = (
            "SELECT DISTINCT number FROM events WHERE session = :session AND kind = 'proposed' AND number > :after "
            "ORDER BY number LIMIT :limit"
        )
        among = f"{_MADE} AND number BETWEEN :first AND :last"
        while rows := self._source.rows(sql, session=self.session, after=number, limit=_BATCH):
            first, number = rows[0][0], rows[-1][0]
            found = _as_carried(self._fetch(among, first=first, last=number))
            yield from (found[each][-1] for each in sorted(found))

    def missing_numbers(self) -> list[int]:
        """The numbers below the newest experiment's that none has: their proposals were cut off before they came."""
        newest = self.last_number()
        if int(self._aggregate("count(DISTINCT number)", "kind IN ('proposed', 'judged') AND number > 0")) == newest:
            return []
        sql = "SELECT DISTINCT number FROM events WHERE session = :session AND kind IN ('proposed', 'judged')"
        known = {number for (number,) in self._source.rows(sql, session=self.session)}
        return [number for number in range(1, newest) if number not in known]

    def proposed_twice(self) -> list[int]:
        """The experiments that have two proposals of which neither takes the other's place: there should be none."""
        first = "kind = 'proposed' AND CAST(COALESCE(payload ->> 'again', '0') AS TEXT) NOT IN ('1', 'true')"
        sql = f"SELECT number FROM events WHERE session = :session AND {first} GROUP BY number HAVING count(*) > 1"
        return [number for (number,) in self._source.rows(sql, session=self.session)]

    def submitted(self, request: str) -> Proposed | None:
        """What became of the submission of that name, as it was carried over since; None: nothing yet."""
        found = self._fetch("kind = 'proposed' AND payload ->> 'request' = :request", newest=1, request=request)
        return self.proposed(expect(Proposed, found[0]).number) if found else None

    def to_remake(self) -> list[int]:
        """The experiments whose improvement is to be made again (see `Judged.overtaken_by`), and nobody has yet.

        Whoever has submitted one is not there to do so.
        """
        among = "FROM events AS made WHERE made.session = :session AND made.kind = 'proposed'"
        done = f"SELECT CAST(payload ->> 'remakes' AS INTEGER) {among} AND payload ->> 'remakes' IS NOT NULL"
        submitted = f"SELECT number {among} AND payload ->> 'request' <> ''"
        sql = (
            "SELECT number FROM events WHERE session = :session AND kind = 'judged' "
            f"AND payload ->> 'overtaken_by' IS NOT NULL AND {NEWEST} "
            f"AND number NOT IN ({done}) AND number NOT IN ({submitted}) ORDER BY number"
        )
        return [number for (number,) in self._source.rows(sql, session=self.session)]

    def tried(self, fingerprint: str, *, besides: int = 0) -> int | None:
        """The first experiment whose candidate had exactly these contents, one of that number aside."""
        where = "fingerprint = :fingerprint AND kind IN ('proposed', 'carried') AND number <> :besides"
        return int(self._aggregate("min(number)", where, fingerprint=fingerprint, besides=besides)) or None

    def same_change(self, change: str, *, besides: int = 0) -> int | None:
        """The last experiment that made this change, on whatever incumbent (see `Proposed.change`); as above."""
        where = "kind = 'proposed' AND payload ->> 'change' = :change AND number <> :besides"
        return int(self._aggregate("max(number)", where, change=change, besides=besides)) or None


def _as_carried(events: Iterable[Event]) -> dict[int, list[Proposed]]:
    """By its number, each proposal in these events as it was made, and as it was carried over each time."""
    found: dict[int, list[Proposed]] = {}
    for event in events:
        match event.record:
            case Carried() as carried if carried.number in found:
                found[carried.number].append(carried.applied_to(found[carried.number][-1]))
            case Proposed() as proposed:
                found[proposed.number] = [proposed]
    return found
