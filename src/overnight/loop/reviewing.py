"""Reviews: every so many experiments the proposer writes down what it has learned, for briefs and for the morning."""

from __future__ import annotations

import time
from collections.abc import Generator

from overnight.ledger.records import Reviewed
from overnight.loop.assemble import make_brief
from overnight.loop.bench import Bench
from overnight.loop.events import Review, ReviewStarted
from overnight.propose.proposer import Proposer
from overnight.runs.redact import redact

_LONGEST = 6000


def review_if_due(
    bench: Bench, proposer: Proposer, *, number: int, noise: float
) -> Generator[ReviewStarted | Review, None, bool]:
    """Ask for a review before experiment `number`, if there has been none for as long as the goal says; says if so.

    One that could not be had is written down too, so that nobody asks for it again before the next is due.
    """
    every, history = bench.settings.review_every, bench.history
    if not every or not proposer.reviews or number - 1 - history.last_reviewed_number() < every:
        return False
    yield ReviewStarted(number - 1, proposer.name)
    asked = time.monotonic()
    brief = make_brief(bench.project, bench.settings, history, number, bench.incumbent(), noise)
    answer = proposer.review(brief)
    reason = answer.unavailable or answer.failure or ""
    reviewed = Reviewed(
        number=number - 1,
        proposer=answer.proposer or proposer.name,
        text="" if reason else redact(answer.output)[:_LONGEST],
        reason=reason,
        seconds=time.monotonic() - asked,
        **answer.usage.model_dump(),
    )
    history.append(reviewed)
    yield Review(reviewed)
    return True
