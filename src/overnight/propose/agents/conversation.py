"""A conversation with an agent that goes on over several proposals, so that it remembers what it thought before."""

from __future__ import annotations

_PROPOSALS = 10
"""After so many it begins anew: what a model reads again each time costs more and more, and helps less and less."""


class Conversation:
    """The agent's own name of it, and how often it was gone on with."""

    def __init__(self) -> None:
        self.name: str | None = None
        self._proposals = 0

    def went_on(self, name: str | None) -> None:
        """The agent has answered in the conversation `name`; None where it could not say, so that it begins anew."""
        self._proposals += 1
        if name is None or self._proposals >= _PROPOSALS:
            self.name, self._proposals = None, 0
        else:
            self.name = name
