"""A rule that measures many ideas in one run: the idea to build on, see docs/deciding.md.

Each run holds one new idea, nearly all ideas that are proven, and a random half of the undecided ones. A Bayesian
linear regression, kept up to date by Kalman's formula, tells their effects apart, so that every run is evidence about
every idea that is still open and nothing is ever measured only to be confirmed. The level of the machine is one more
unknown, which may wander. What ideas are like (how many help, how many do nothing, how large effects are) is learned
during the night on a grid of priors, from the surprise that each new idea brings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from statistics import fmean, stdev

import numpy as np
from numpy.typing import NDArray
from rules import NOBODY, Outcome, overnight, until_morning
from scipy.special import log_ndtr
from world import Night, Version

Array = NDArray[np.float64]

BASELINE_RUNS = 5
HOPELESS, PROVEN, WORTH_KEEPING = 0.02, 0.95, 0.5
"""Chances to be good: dropped below the first, nearly always in above the second, kept at last above the third."""
MOST_OPEN = 256
_DRIFT = 1e-3
"""How far the machine's level may wander from run to run: its variance, in that of the noise."""
_LOG_ROOT_2_PI = math.log(2 * math.pi) / 2


def _log_exponential(at: Array | float, sd: Array | float, scale: Array | float) -> Array:
    """log density at `at` of an exponential effect of mean `scale` plus normal noise of `sd`."""
    rate = 1 / np.asarray(scale)
    return np.log(rate) + (rate * sd) ** 2 / 2 - rate * at + log_ndtr((at - rate * np.square(sd)) / sd)


def _log_nothing(at: Array | float, sd: Array | float) -> Array:
    """The same for an idea without effect."""
    return -(np.square(at / np.asarray(sd)) / 2) - np.log(sd) - _LOG_ROOT_2_PI


class IdeasPrior:
    """What ideas are like: shares of good and of void ones, and the typical size of an effect."""

    def __init__(self, noise: float) -> None:
        sizes = noise * 2.0 ** np.arange(-3, 4.1, 0.5)
        grid = np.meshgrid([0.02, 0.05, 0.1, 0.2, 0.35], [0.1, 0.25, 0.5], sizes, indexing="ij")
        self._good, self._void, self._size = (axis.ravel() for axis in grid)
        self._log_weight = -((np.log2(self._size / noise) / 2) ** 2 + (np.log(self._good / 0.08) / 0.8) ** 2) / 2
        self._average()

    def learn(self, surprise: float, sd: float) -> None:
        """A new idea moved a run by `surprise`, of which `sd` is noise."""
        likelihood = (
            self._good * np.exp(_log_exponential(surprise, sd, self._size))
            + self._void * np.exp(_log_nothing(surprise, sd))
            + (1 - self._good - self._void) * np.exp(_log_exponential(-surprise, sd, self._size))
        )
        self._log_weight = self._log_weight + np.log(likelihood + 1e-300)
        self._average()

    def _average(self) -> None:
        weight = np.exp(self._log_weight - self._log_weight.max())
        weight /= weight.sum()
        self.good, self.void = float(weight @ self._good), float(weight @ self._void)
        self.size = float(np.exp(weight @ np.log(self._size)))

    def chance_good(self, effect: Array, sd: Array) -> Array:
        """The chance that ideas are improvements, given what the runs say of their effects."""
        good = np.log(self.good) + _log_exponential(effect, sd, self.size)
        void = np.log(self.void) + _log_nothing(effect, sd)
        bad = np.log(max(1 - self.good - self.void, 0.02)) + _log_exponential(-effect, sd, self.size)
        top = np.maximum(np.maximum(good, void), bad)
        return np.asarray(np.exp(good - top) / sum(np.exp(each - top) for each in (good, void, bad)))

    def expected(self, effect: Array, sd: Array) -> Array:
        """The mean effect of ideas, if they are improvements."""
        centre = effect - np.square(sd) / self.size
        return np.asarray(centre + sd * np.exp(_log_nothing(centre / sd, 1.0) - log_ndtr(centre / sd)))


class Knowledge:
    """Means and covariances of the machine's level (first) and of every open idea's effect."""

    def __init__(self, baseline: Sequence[float]) -> None:
        self.ideas: list[int] = []
        self.variance = stdev(baseline) ** 2
        self._mean = np.array([fmean(baseline)])
        self._cov = np.array([[self.variance / len(baseline)]])
        self._before: list[float] = []
        self._weight = len(baseline) - 1.0
        self._squares = self.variance * self._weight

    def effects(self) -> tuple[Array, Array]:
        """What the runs alone say of each idea's effect: mean and standard deviation, the normal prior taken out."""
        variances = np.diag(self._cov)[1:]
        by_runs = 1 / np.maximum(1 / variances - 1 / np.array(self._before), 1e-9)
        return self._mean[1:] * by_runs / variances, np.sqrt(by_runs)

    def forget(self, keep: Sequence[int]) -> None:
        """Go on with these of the open ideas only (their places)."""
        places = [0, *(place + 1 for place in keep)]
        self._mean, self._cov = self._mean[places], self._cov[np.ix_(places, places)]
        self.ideas = [self.ideas[place] for place in keep]
        self._before = [self._before[place] for place in keep]

    def predict(self, inside: Array) -> tuple[float, float]:
        """Mean and variance of the next run of a version, noise included."""
        self._cov[0, 0] += _DRIFT * self.variance
        return float(inside @ self._mean), float(inside @ self._cov @ inside) + self.variance

    def add(self, idea: int, variance: float) -> None:
        """A new idea, of which only the size of effects is known."""
        self.ideas.append(idea)
        self._before.append(variance)
        self._mean = np.append(self._mean, 0.0)
        self._cov = np.pad(self._cov, (0, 1))
        self._cov[-1, -1] = variance

    def learn(self, inside: Array, value: float) -> None:
        """A run of the version with the ideas that are 1 in `inside` gave `value`."""
        gain = self._cov @ inside
        variance = float(inside @ gain) + self.variance
        surprise = value - float(inside @ self._mean)
        surprise = math.copysign(min(abs(surprise), 3 * math.sqrt(variance)), surprise)  # one outlier moves little
        self._mean = self._mean + gain * surprise / variance
        self._cov = self._cov - np.outer(gain, gain) / variance
        # A run says the more about the noise the less else was unknown about it.
        weight = (self.variance / variance) ** 2
        self._squares += weight * surprise**2 / variance * self.variance
        self._weight += weight
        self.variance = self._squares / self._weight


def many_at_once(night: Night) -> Outcome:
    """Every run informs every open idea; without noise, Overnight's own rule."""
    baseline: list[float] = []
    with until_morning():
        baseline = [night.measure(NOBODY) for _ in range(BASELINE_RUNS)]
    if min(baseline) == max(baseline):
        return overnight(night)
    random = Random(night.seed)
    known = Knowledge(baseline)
    prior = IdeasPrior(math.sqrt(known.variance))
    with until_morning():
        while True:
            _one_run(night, known, prior, random)
    if not known.ideas:
        return Outcome()
    effect, sd = known.effects()
    chance = prior.chance_good(effect, sd)
    kept = chance >= WORTH_KEEPING
    claimed = float((chance * prior.expected(effect, sd))[kept].sum())
    return Outcome(frozenset(idea for idea, keep in zip(known.ideas, kept, strict=True) if keep), claimed)


def _one_run(night: Night, known: Knowledge, prior: IdeasPrior, random: Random) -> None:
    chance = prior.chance_good(*known.effects()) if known.ideas else np.array([])
    keep = [place for place, each in enumerate(chance) if each >= HOPELESS]
    known.forget(keep)
    chance = chance[keep]
    inside = np.array([1.0, *(float(random.random() < (0.9 if each >= PROVEN else 0.5)) for each in chance)])
    version: Version = frozenset(idea for idea, within in zip(known.ideas, inside[1:], strict=True) if within)
    if int((chance < PROVEN).sum()) >= MOST_OPEN:
        known.predict(inside)
        known.learn(inside, night.measure(version))
        return
    idea = night.idea()
    value = night.measure(version | {idea})
    mean, variance = known.predict(inside)
    prior.learn(value - mean, math.sqrt(variance))
    known.add(idea, 2 * prior.size**2)
    known.learn(np.append(inside, 1.0), value)
