"""The events of one session, fetched: what every question to the ledger is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError

from overnight.errors import SessionError
from overnight.ledger.reader import Source
from overnight.ledger.records import RECORD_KINDS, Record, Verdict

_R = TypeVar("_R", bound=Record)
NO_LIMIT = 2**31 - 1
NEWEST = (
    "NOT EXISTS (SELECT 1 FROM events AS later WHERE later.session = events.session AND later.kind = 'judged' "
    "AND later.number = events.number AND later.id > events.id)"
)
"""Of verdicts that were changed, the one that counts."""
EVENTS = "SELECT id, time, clock, kind, CAST(payload AS TEXT) FROM events WHERE session = :session"


def among(verdicts: Iterable[Verdict]) -> str:
    """The condition for a verdict that is one of these. Few are: SQLite is to go by that, not by all verdicts."""
    return f"kind || '' = 'judged' AND verdict IN ({', '.join(map(repr, verdicts))})"


@dataclass(frozen=True)
class Event:
    """A record, its place in the order of things, and when it was written."""

    id: int
    time: float
    """Unix time, seconds."""
    clock: float | None
    """The writing machine's monotonic clock, seconds; None in a ledger that came from an older program."""
    record: Record


class Asking:
    """Puts questions about one session to a source. Holds nothing: every answer is read from the ledger."""

    def __init__(self, source: Source, session: str) -> None:
        self._source = source
        self.session = session

    def last_event(self) -> Event | None:
        """The latest thing that happened."""
        found = self._fetch("TRUE", newest=1)
        return found[0] if found else None

    def events_after(self, event_id: int, most: int = NO_LIMIT) -> list[Event]:
        """What happened after the event with this id, in order."""
        sql = f"{EVENTS} AND id > :after ORDER BY id LIMIT :most"
        rows = self._source.rows(sql, session=self.session, after=event_id, most=most)
        return [event_of(row) for row in rows]

    def _last(self, kind: str) -> Event | None:
        """The newest event of a kind that is about no experiment in particular; saying so lets an index find it."""
        found = self._fetch("kind = :kind AND number IS NULL", newest=1, kind=kind)
        return found[0] if found else None

    def _fetch(self, where: str, *, newest: int | None = None, **parameters: object) -> list[Event]:
        """The events for which `where` holds, in order; or the `newest` so many, the last one first."""
        # `+id`: SQLite shall go by what they are, and not walk through all events because those are in order already.
        order = "+id" if newest is None else "id DESC LIMIT :newest"
        limit = {} if newest is None else {"newest": newest}
        sql = f"{EVENTS} AND {where} ORDER BY {order}"
        return [event_of(row) for row in self._source.rows(sql, session=self.session, **limit, **parameters)]

    def _aggregate(self, what: str, where: str, **parameters: object) -> float:
        sql = f"SELECT {what} FROM events WHERE session = :session AND {where}"
        return self._source.rows(sql, session=self.session, **parameters)[0][0] or 0


def event_of(row: Sequence[Any]) -> Event:
    """A row that `EVENTS` gives as an event. Raises SessionError where nobody can read its record."""
    event_id, time, clock, kind, payload = row
    try:
        return Event(event_id, time, clock, RECORD_KINDS[kind].model_validate_json(payload))
    except (KeyError, ValidationError):
        raise SessionError(
            f"the ledger's event {event_id} ({kind}) cannot be read: either a newer Overnight wrote it (update this "
            "one), or the ledger is damaged (`overnight doctor` tells)"
        ) from None


def expect(kind: type[_R], event: Event | None) -> _R:
    """The event's record, which the query has made sure is of this kind."""
    if event is None or not isinstance(event.record, kind):
        raise SessionError(f"the ledger has no {kind.__name__} record where one must be; it may be damaged")
    return event.record
