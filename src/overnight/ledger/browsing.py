"""One session's verdicts a page at a time, and what is new since: for readers who look at long histories live."""

from __future__ import annotations

from typing import Literal, get_args

from overnight.ledger.accounts import FAILED
from overnight.ledger.asking import EVENTS, NEWEST, Asking, Event, among, event_of
from overnight.ledger.reader import Source

Filter = Literal["all", "kept", "not_better", "failed", "suspicious", "open"]
FILTERS: tuple[Filter, ...] = get_args(Filter)


_WHERE: dict[Filter, str] = {
    "all": "kind = 'judged'",
    "kept": among(["keep"]),
    "not_better": "kind = 'judged' AND verdict IN ('discard', 'no_change')",
    "failed": among(FAILED),
    "suspicious": "kind = 'judged' AND payload ->> 'flags' <> '[]'",
    "open": "kind = 'judged' AND CAST(payload ->> 'undecided' AS TEXT) IN ('1', 'true')",
}


class Browsing(Asking):
    """Pages of verdicts that count, and what has come since an event."""

    def page(
        self, size: int, *, before: int | None = None, after: int | None = None, only: Filter = "all", words: str = ""
    ) -> list[Event]:
        """At most `size` verdicts, the newest experiment first.

        Those next below the number `before`, or next above `after`; the newest of all without either. `words` must be
        in the hypothesis, in whatever case.
        """
        where = [_WHERE[only], NEWEST]
        parameters: dict[str, object] = {"size": size}
        if before is not None:
            where.append("number < :before")
            parameters["before"] = before
        if after is not None:
            where.append("number > :after")
            parameters["after"] = after
        if words:
            # Both in lower case by the database itself: SQLite's knows only the letters of ASCII.
            where.append(r"LOWER(payload ->> 'hypothesis') LIKE LOWER(:words) ESCAPE '\'")
            escaped = words.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
            parameters["words"] = f"%{escaped}%"
        upwards = after is not None
        sql = f"{EVENTS} AND {' AND '.join(where)} ORDER BY number {'ASC' if upwards else 'DESC'} LIMIT :size"
        found = [event_of(row) for row in self._source.rows(sql, session=self.session, **parameters)]
        return found[::-1] if upwards else found

    def verdicts_after(self, event_id: int, most: int) -> list[Event]:
        """The verdicts, new ones and changed ones, that were written after the event with this id, in order."""
        sql = f"{EVENTS} AND kind = 'judged' AND id > :after ORDER BY id LIMIT :most"
        return [event_of(row) for row in self._source.rows(sql, session=self.session, after=event_id, most=most)]

    def newest_steered(self, most: int) -> list[Event]:
        """The last things that people have asked for, the newest first."""
        return self._fetch("kind = 'steered'")[: -most - 1 : -1]


def newest_event(source: Source) -> int:
    """The id of the last event of all sessions; 0 where there is none. Costs next to nothing."""
    return int(source.rows("SELECT max(id) FROM events")[0][0] or 0)
