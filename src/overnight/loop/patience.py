"""How long to wait in trouble: growing pauses with jitter, so that many sessions do not come back at once.

The pause doubles from try to try, as clients of busy services do ("Exponential Backoff And Jitter", AWS Architecture
Blog, 2015). What never gets better by waiting is given up after a number of tries.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from overnight.errors import Trouble, TroubleKind

_LONGEST_RETRY_AFTER = 24 * 3600.0
_PROBATION = 3
"""Tries of an agent that has not made a single proposal yet: that is a mistake in the set-up, and somebody is there."""


@dataclass(frozen=True)
class _Rule:
    first: float
    longest: float
    """Seconds."""
    tries: int | None
    """After so many in a row it is given up; None: never, somebody will mend it by the morning or see it then."""


_RULES: dict[TroubleKind, _Rule] = {
    "agent": _Rule(2.0, 900.0, None),
    "disk": _Rule(5.0, 60.0, None),
    "ledger": _Rule(0.5, 60.0, None),
    "machine": _Rule(1.0, 600.0, 30),
    "git": _Rule(0.5, 60.0, 30),
    "live": _Rule(1.0, 60.0, None),
}


class Patience:
    """Counts troubles in a row. What was done in between makes it forget them."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._tries: dict[TroubleKind, int] = {}

    def progress(self) -> None:
        """A proposal, a run or a verdict was written down."""
        self._tries.clear()

    def pause(self, trouble: Trouble, *, is_first_proposal: bool = False) -> float | None:
        """Seconds to wait before the next try; None when it is to be given up."""
        rule = _RULES[trouble.kind]
        tries = self._tries[trouble.kind] = self._tries.get(trouble.kind, 0) + 1
        on_probation = trouble.kind == "agent" and is_first_proposal and trouble.retry_after is None
        most = _PROBATION if on_probation else rule.tries
        if most is not None and tries >= most:
            return None
        pause = min(rule.first * 2.0 ** min(tries - 1, 60), rule.longest) * self._random.uniform(0.75, 1.25)
        if trouble.retry_after is not None:
            asked = min(trouble.retry_after, _LONGEST_RETRY_AFTER)
            pause = max(pause, asked * self._random.uniform(1.0, 1.1))
        return pause
