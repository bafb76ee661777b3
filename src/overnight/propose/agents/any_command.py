"""Any program as the agent: whatever edits files and ends."""

from __future__ import annotations

import re

from overnight.ledger.records import Usage
from overnight.propose.agents.agent import Answer, Asking
from overnight.propose.agents.needs import needs_of
from overnight.propose.complaints import complaint_in


class AnyCommand:
    """A shell command that the user wrote."""

    install = ""
    login = ""
    oldest = ""

    def __init__(self, command: str) -> None:
        self.name = command
        self.program = ""
        self.needs = needs_of(command)
        self._command = command

    def command(self, _asking: Asking) -> str:
        """As it was written."""
        return self._command

    def read(self, printed: str) -> Answer:
        """It says what it wants; a line `cost: 0.12` is its cost, and words of a model that is down are believed."""
        return Answer(printed, Usage(cost=cost_in(printed)), complaint=printed if complaint_in(printed) else None)


def cost_in(printed: str) -> float | None:
    """US dollars in the last `cost: 0.12`, also as coding agents print it among JSON (`"total_cost_usd": 0.12`)."""
    found = list(_COST.finditer(printed))
    return float(found[-1]["dollars"]) if found else None


_COST = re.compile(
    r"^\W*(?:\{.*)?\b(?:total_)?cost(?:_usd)?\W{1,4}(?P<dollars>\d+(?:\.\d+)?)", re.IGNORECASE | re.MULTILINE
)
