"""The scale on which effects add up: plain for most numbers, logarithmic for times.

Times are positive and skewed, and what makes a program faster makes it faster by a factor; on the log scale such
effects add up, and one slow run weighs less.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_TIMES = re.compile(
    r"(^|[^a-z])(s|ms|us|ns|secs?|seconds?|minutes?|hours?|times?|latency|duration|runtime|elapsed|lcp|fcp|tbt|ttfb|inp)"
    r"($|[^a-z])",
    re.IGNORECASE,
)
_SHORTEST = 1e-6
"""Of the shortest baseline run: a time of zero has no logarithm."""


@dataclass(frozen=True)
class Scale:
    """From the metric to what adds up, and back."""

    direction: Literal["lower", "higher"]
    shortest: float | None = None
    """Set on the log scale: metrics below count as this."""

    @classmethod
    def of(cls, metric: str, direction: Literal["lower", "higher"], baseline: Sequence[float]) -> Scale:
        """Logarithmic where the metric's name says that it is a time, and all of the baseline's are positive."""
        if _TIMES.search(metric) and min(baseline) > 0:
            return cls(direction, _SHORTEST * min(baseline))
        return cls(direction)

    def inner(self, value: float) -> float:
        """A metric on the scale."""
        return value if self.shortest is None else math.log(max(value, self.shortest))

    def after(self, before: float, gain: float) -> float:
        """The metric of a version that is better by `gain` on the scale than one with the metric `before`."""
        step = -gain if self.direction == "lower" else gain
        return before + step if self.shortest is None else before * math.exp(min(step, 700.0))

    def inner_loss(self, level: float, loss: float) -> float:
        """A loss in the metric's unit, on the scale, for metrics near `level`."""
        return loss if self.shortest is None else math.log1p(loss / max(level, self.shortest))

    def gain(self, before: float, gain: float) -> float:
        """The same gain in the metric's unit."""
        after = self.after(before, gain)
        return before - after if self.direction == "lower" else after - before
