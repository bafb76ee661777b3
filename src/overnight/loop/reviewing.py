"""Reviews: every so many experiments the proposer writes down what it has learned, for briefs and for the morning."""

from __future__ import annotations

import time

from overnight.ledger.records import Reviewed
from overnight.loop.bench import Bench
from overnight.loop.briefing import make_brief
from overnight.loop.crew import Thinking, Work
from overnight.loop.events import Review, ReviewStarted
from overnight.propose.proposer import Proposal, Proposer
from overnight.runs.redact import redact

_LONGEST = 6000


def is_review_due(bench: Bench, proposer: Proposer, number: int) -> bool:
    """Whether there has been no review before experiment `number` for as long as the goal says."""
    every = bench.settings.review_every
    return bool(every) and proposer.reviews and number - 1 - bench.history.last_reviewed_number() >= every


def review(bench: Bench, name: str, *, number: int, noise: float) -> Thinking[None]:
    """Ask a proposer, who is called `name`, for a review before experiment `number`.

    One that could not be had is written down too, so that nobody asks for it again before the next is due.
    """
    history = bench.history
    yield ReviewStarted(number - 1, name)
    asked = time.monotonic()
    brief = make_brief(bench.project, bench.settings, history, number, bench.incumbent(), noise)
    answer: Proposal = yield Work(lambda proposer: proposer.review(brief))
    reason = answer.unavailable or answer.failure or ""
    reviewed = Reviewed(
        number=number - 1,
        proposer=answer.proposer or name,
        text="" if reason else redact(answer.output)[:_LONGEST],
        reason=reason,
        seconds=time.monotonic() - asked,
        **answer.usage.model_dump(),
    )
    history.append(reviewed)
    yield Review(reviewed)
