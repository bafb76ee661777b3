"""What people have asked of the session: what waits, what was done or refused, and what still stands."""

from __future__ import annotations

from typing import Any

from overnight.ledger.asking import Event
from overnight.ledger.browsing import Browsing
from overnight.ledger.history import History
from overnight.ledger.records import Steered
from overnight.loop.state import State
from overnight.morning.words import steered_words

_SHOWN = 30


def wishes_of(history: History, browsing: Browsing, state: State) -> dict[str, Any]:
    """All that the page says about wishes."""
    written = [_written(event) for event in browsing.newest_steered(_SHOWN)]
    # One that is written down may lie in the inbox for another moment.
    done = {wish["request"] for wish in written}
    waiting = state.inbox.waiting() if history.is_newest(state.home) else []
    return {
        "waiting": [
            {"request": request.request, "act": request.act, "number": request.number, "text": request.text}
            for request in waiting
            if request.request not in done
        ],
        "written": written,
        "standing": [wish.model_dump(include={"request", "act", "number", "text"}) for wish in history.wishes()],
    }


def _written(event: Event) -> dict[str, Any]:
    steered = event.record
    assert isinstance(steered, Steered)
    return {
        **steered.model_dump(include={"request", "act", "number", "text", "refused"}),
        "words": steered_words(steered),
        "time": event.time,
    }
