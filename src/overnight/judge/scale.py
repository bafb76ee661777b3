"""The scale on which effects add up: plain for most numbers, logarithmic for times, log odds for preferences.

Times are positive and skewed, and what makes a program faster makes it faster by a factor; on the log scale such
effects add up, and one slow run weighs less. How often one version is preferred to another is a share, and strengths
add up as its log odds (Bradley and Terry 1952).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["plain", "log", "odds"]

_TIMES = re.compile(
    r"(^|[^a-z])(s|ms|us|ns|secs?|seconds?|minutes?|hours?|times?|latency|duration|runtime|elapsed|lcp|fcp|tbt|ttfb|inp)"
    r"($|[^a-z])",
    re.IGNORECASE,
)
_SHORTEST = 1e-6
"""Of the shortest baseline run: a time of zero has no logarithm."""
_RAREST = 1e-3
"""A share of 0 has no odds."""


@dataclass(frozen=True)
class Scale:
    """From the metric to what adds up, and back."""

    direction: Literal["lower", "higher"]
    kind: Kind = "plain"
    shortest: float = 0.0
    """On the log scale, metrics below count as this."""

    @classmethod
    def of(cls, metric: str, direction: Literal["lower", "higher"], baseline: Sequence[float]) -> Scale:
        """Logarithmic where the metric's name says that it is a time, and all of the baseline's are positive."""
        if _TIMES.search(metric) and min(baseline) > 0:
            return cls(direction, "log", _SHORTEST * min(baseline))
        return cls(direction)

    def inner(self, value: float) -> float:
        """A metric on the scale."""
        if self.kind == "log":
            return math.log(max(value, self.shortest))
        if self.kind == "odds":
            share = min(max(value, _RAREST), 1 - _RAREST)
            return math.log(share / (1 - share))
        return value

    def _outer(self, inner: float) -> float:
        if self.kind == "log":
            return math.exp(min(inner, 700.0))
        return 1 / (1 + math.exp(min(-inner, 700.0))) if self.kind == "odds" else inner

    def after(self, before: float, gain: float) -> float:
        """The metric of a version that is better by `gain` on the scale than one with the metric `before`."""
        step = -gain if self.direction == "lower" else gain
        if self.kind == "log":  # A factor, so that it is exact also below the shortest.
            return before * math.exp(min(step, 700.0))
        return self._outer(self.inner(before) + step)

    def inner_loss(self, level: float, loss: float) -> float:
        """A loss in the metric's unit, on the scale, for metrics near `level`."""
        if self.kind == "log":
            return math.log1p(loss / max(level, self.shortest))
        return self.inner(level) - self.inner(level - loss) if self.kind == "odds" else loss

    def gain(self, before: float, gain: float) -> float:
        """The same gain in the metric's unit."""
        after = self.after(before, gain)
        return before - after if self.direction == "lower" else after - before
