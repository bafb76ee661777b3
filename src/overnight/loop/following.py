"""A session that another process runs, followed from its ledger: the same events, a moment later."""

from __future__ import annotations

from collections.abc import Iterator

from overnight.ledger.asking import Event
from overnight.ledger.history import History
from overnight.ledger.records import Judged, Measured, Proposed, Reviewed, Steered, Stopped, Troubled, Verdict
from overnight.loop.events import (
    ExperimentJudged,
    PersonAsked,
    ProposalFinished,
    Review,
    RunFinished,
    SessionClosed,
    SessionEvent,
    VerdictChanged,
    Waiting,
)

_AT_A_TIME = 500


class Follower:
    """Knows how far it has read."""

    def __init__(self, history: History, after: int) -> None:
        """What happened up to the event `after` is known already."""
        self._history = history
        self._after = after

    def news(self) -> Iterator[SessionEvent]:
        """What has happened since the last time."""
        while events := self._history.events_after(self._after, _AT_A_TIME):
            for event in events:
                self._after = event.id
                yield from self._told(event)

    def _told(self, event: Event) -> Iterator[SessionEvent]:
        match event.record:
            case Judged() as judged:
                before = self._verdict_before(judged.number, event.id)
                if before is None:
                    yield ExperimentJudged(judged)
                elif before != judged.verdict:
                    yield VerdictChanged(judged, before)
            case Measured() as measured:
                yield RunFinished(measured)
            case Proposed() as proposed:
                yield ProposalFinished(proposed)
            case Reviewed() as reviewed:
                yield Review(reviewed)
            case Troubled() as troubled if troubled.pause:
                yield Waiting(troubled.what, troubled.reason, troubled.pause)
            case Steered() as steered:
                yield PersonAsked(steered)
            case Stopped() as stopped:
                yield SessionClosed(stopped.finished, stopped.reason, stopped.failed)

    def _verdict_before(self, number: int, event_id: int) -> Verdict | None:
        earlier = [event.record for event in self._history.verdicts(number) if event.id < event_id]
        last = earlier[-1] if earlier else None
        return last.verdict if isinstance(last, Judged) else None
