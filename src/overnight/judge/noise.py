"""How much the metric moves when nothing changes, and what a mean over few runs is worth."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

CONFIDENCE = 0.95
"""Of every interval shown to a person."""


@dataclass(frozen=True)
class Noise:
    """The standard deviation of one run, pooled over versions that were run more than once."""

    sd: float
    """In the metric's unit."""
    degrees: int
    """Degrees of freedom: how many repeats stand behind `sd`; 0 means that nothing is known."""

    @property
    def is_exact(self) -> bool:
        """Every repeat gave the same number."""
        return self.degrees > 0 and self.sd == 0.0


@dataclass(frozen=True)
class Interval:
    """A mean and the bounds that hold it in `CONFIDENCE` of all cases."""

    mean: float
    low: float
    high: float


def pooled_noise(groups: Sequence[Sequence[float]]) -> Noise:
    """The noise in `groups`, each the runs of one version: the pooled variance, groups weighted by their size."""
    # Divided by the largest of them first, so that no square can be too large or too small for a float.
    largest = max((abs(value) for values in groups for value in values), default=0.0)
    deviations: list[float] = []
    degrees = 0
    for values in groups:
        if len(values) > 1 and min(values) != max(values):
            centre = math.fsum(value / largest for value in values) / len(values)
            deviations += [value / largest - centre for value in values]
        degrees += max(len(values) - 1, 0)
    sd = math.hypot(*deviations) / math.sqrt(degrees) * largest if deviations else 0.0
    return Noise(min(sd, sys.float_info.max), degrees)


def reach_of_mean(noise: Noise, count: float) -> float:
    """How far the mean of `count` runs may be off, either way, in 95 % of all cases, by Student's t."""
    if noise.degrees == 0:
        return math.inf
    return float(stdtrit(noise.degrees, 0.5 + CONFIDENCE / 2)) * noise.sd / math.sqrt(count)


def mean_difference(differences: Sequence[float], noise: Noise) -> Interval:
    """The interval of the mean of paired `differences`, by Student's t.

    Two pairs say little about their own spread, so it is pooled with what is known beforehand: two independent runs
    differ with variance 2·sd². Where a shared seed makes pairs alike, this errs on the careful side.
    """
    count = len(differences)
    mean = math.fsum(differences) / count
    squares = math.fsum((difference - mean) ** 2 for difference in differences)
    degrees = noise.degrees + count - 1
    variance = (noise.degrees * 2 * noise.sd**2 + squares) / degrees if degrees else math.inf
    if variance == 0.0:
        return Interval(mean, mean, mean)
    reach = reach_of_mean(Noise(math.sqrt(variance), degrees), count)
    return Interval(mean, mean - reach, mean + reach)
