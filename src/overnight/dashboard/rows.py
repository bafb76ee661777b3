"""Verdicts as the table shows them: a page at a time, and those that are new."""

from __future__ import annotations

from typing import Any

from overnight.ledger.asking import Event
from overnight.ledger.browsing import Browsing, Filter
from overnight.ledger.records import Judged

PAGE = 50
_LONGEST = 300


def row_of(event: Event) -> dict[str, Any]:
    """One line of the table. The event must be a verdict."""
    judged = event.record
    assert isinstance(judged, Judged)
    return {
        "event": event.id,
        "time": event.time,
        "number": judged.number,
        "verdict": judged.verdict,
        "hypothesis": judged.hypothesis[:_LONGEST],
        "reason": judged.reason[:_LONGEST],
        "metric": judged.metric,
        "gain": judged.gain,
        "gain_low": judged.gain_low,
        "gain_high": judged.gain_high,
        "runs": judged.runs,
        "seconds": judged.seconds,
        "flagged": bool(judged.flags),
        "open": judged.undecided,
        "proposer": judged.proposer,
    }


def page_of(browsing: Browsing, *, before: int | None, after: int | None, only: Filter, words: str) -> dict[str, Any]:
    """A page of the table, the newest first, and whether there is something on either side of it."""
    found = browsing.page(PAGE + 1, before=before, after=after, only=only, words=words)
    more = len(found) > PAGE
    shown = (found[1:] if after is not None else found[:PAGE]) if more else found
    return {
        "rows": [row_of(event) for event in shown],
        "newer": more if after is not None else before is not None,
        "older": more if after is None else True,
    }
