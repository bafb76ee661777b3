"""A conversation with an agent that goes on over several proposals, so that it remembers what it thought before."""

from __future__ import annotations

from overnight.ledger.records import NOTHING_USED, Usage
from overnight.propose.agents.agent import Answer

_PROPOSALS = 10
"""After so many it begins anew: what a model reads again each time costs more and more, and helps less and less."""


class Conversation:
    """The agent's own name of it, how often it was gone on with, and what it has used up."""

    def __init__(self) -> None:
        self.name: str | None = None
        self._proposals = 0
        self._used = NOTHING_USED

    def went_on(self, answer: Answer) -> Usage:
        """The agent has answered in it; what this answer alone has used up.

        It begins anew where the agent could not say its name.
        """
        usage = _less(answer.usage, self._used) if answer.adds_up and self.name else answer.usage
        self._proposals += 1
        if answer.conversation is None or self._proposals >= _PROPOSALS:
            self.name, self._proposals, self._used = None, 0, NOTHING_USED
        else:
            self.name, self._used = answer.conversation, answer.usage
        return usage


def _less(usage: Usage, before: Usage) -> Usage:
    """The tokens that came since."""
    return usage.model_copy(
        update={
            "input_tokens": _difference(usage.input_tokens, before.input_tokens),
            "output_tokens": _difference(usage.output_tokens, before.output_tokens),
        }
    )


def _difference(now: int | None, before: int | None) -> int | None:
    return None if now is None else max(now - (before or 0), 0)
