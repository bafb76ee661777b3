"""The effects of many ideas told apart from runs that held some of them each: Bayesian regression, run by run.

The unknowns are the machine's level, which may wander (a hot laptop, a busy server), and one effect for each idea that
is still open. Each run is one equation; Kalman's formula (1960) brings means and covariances up to date in a time
that depends on how many ideas are open, and not on how many runs there were.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from overnight.judge.noise import Noise

Array = NDArray[np.float64]

_DRIFT = 1e-2
"""How far the level may wander from run to run: its variance, in that of the noise."""
_OUTLIER_SDS = 3.0


class Effects:
    """Means and covariances of the level (first) and of the effect of every open idea. A larger value is better."""

    def __init__(self, baseline: Sequence[float], noise: Noise) -> None:
        """`baseline` are the baseline's values, `noise` what is known of one run's noise beforehand."""
        self.ideas: list[int] = []
        self.variance = noise.sd**2
        """Of one run's noise."""
        self._weight = float(max(noise.degrees, 1))
        self._squares = self.variance * self._weight
        self._mean = np.array([fmean(baseline)])
        self._cov = np.array([[self.variance / len(baseline)]])
        self._before: list[float] = []

    @property
    def sd(self) -> float:
        """Standard deviation of one run's noise."""
        return math.sqrt(self.variance)

    def from_runs(self) -> tuple[Array, Array]:
        """What the runs alone say of each open idea's effect: mean and standard deviation, the prior taken out."""
        variances = np.diag(self._cov)[1:]
        by_runs = 1 / np.maximum(1 / variances - 1 / np.array(self._before), 1e-9 / np.array(self._before))
        return self._mean[1:] * by_runs / variances, np.sqrt(by_runs)

    def add(self, idea: int, variance: float) -> None:
        """A new idea, of which only the variance of effects is known."""
        self.ideas.append(idea)
        self._before.append(variance)
        self._mean = np.append(self._mean, 0.0)
        self._cov = np.pad(self._cov, (0, 1))
        self._cov[-1, -1] = variance

    def forget(self, ideas: Iterable[int]) -> None:
        """These will be in no run any more."""
        gone = set(ideas)
        places = [place for place, idea in enumerate(self.ideas) if idea not in gone]
        with_level = [0, *(place + 1 for place in places)]
        self._mean, self._cov = self._mean[with_level], self._cov[np.ix_(with_level, with_level)]
        self.ideas = [self.ideas[place] for place in places]
        self._before = [self._before[place] for place in places]

    def absorb(self, idea: int) -> None:
        """This one will be in every run from now on: its effect becomes a part of the level."""
        place = 1 + self.ideas.index(idea)
        self._mean[0] += self._mean[place]
        self._cov[0] += self._cov[place]
        self._cov[:, 0] += self._cov[:, place]
        self.forget([idea])

    def predict(self, inside: Iterable[int]) -> tuple[float, float]:
        """Mean and variance of a run of the version that holds these ideas, its own noise included."""
        row = self._row(inside)
        return float(row @ self._mean), float(row @ self._cov @ row) + self.variance

    def told(self, idea: int, inside: Iterable[int]) -> float:
        """By how much one run of a version would narrow the variance of an idea's effect."""
        row = self._row(inside)
        spread = self._cov @ row
        return float(spread[1 + self.ideas.index(idea)] ** 2 / (row @ spread + self.variance))

    def learn(self, inside: Iterable[int], value: float, spread_of_run: float = 1.0) -> None:
        """One run of the version that holds these ideas gave `value`.

        `spread_of_run` is how noisy this run was, as its variance divided by a usual run's.
        """
        row = self._row(inside)
        self._cov[0, 0] += _DRIFT * self.variance
        spread = self._cov @ row
        noise = self.variance * spread_of_run
        variance = float(row @ spread) + noise
        surprise = value - float(row @ self._mean)
        surprise = math.copysign(min(abs(surprise), _OUTLIER_SDS * math.sqrt(variance)), surprise)
        self._mean = self._mean + spread * (surprise / variance)
        self._cov = self._cov - np.outer(spread, spread) / variance
        # A run says the more about the noise the less else was unknown about it.
        weight = (noise / variance) ** 2
        self._squares += weight * surprise**2 / variance * self.variance
        self._weight += weight
        self.variance = self._squares / self._weight

    def _row(self, inside: Iterable[int]) -> Array:
        held = frozenset(inside)
        return np.array([1.0, *(float(idea in held) for idea in self.ideas)])
