"""What ideas are like, learned during the night: how many help, how many do nothing, how large effects are.

An effect is a positive number with an exponential distribution for a good idea, zero for a void one, the negative of
such a number for a bad one. That family is a spike and two slabs (Mitchell and Beauchamp 1988); its shares and its size
are learned by empirical Bayes on a grid, from what each new idea did to the run it was first in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri_exp

from overnight.judge.noise import CONFIDENCE, Interval

Array = NDArray[np.float64]
_LOG_ROOT_2_PI = math.log(2 * math.pi) / 2
_GOOD = (0.02, 0.05, 0.1, 0.2, 0.35)
_VOID = (0.1, 0.25, 0.5, 0.75, 0.9)
_SIZES = 2.0 ** np.arange(-3, 6.1, 0.5)
"""In standard deviations of one run."""


@dataclass(frozen=True)
class Belief:
    """What is believed of one idea's effect: the shares of the three kinds, and the normal that the runs speak of."""

    bad: float
    void: float
    good: float
    """The chance that it is an improvement; the three add up to 1."""
    mean: float
    sd: float
    size: float

    def promise(self) -> float:
        """What is to be gained by it, if it is dropped unless it is an improvement."""
        return self.good * _above_zero(self._centre(1), self.sd)

    def above(self, least: float) -> float:
        """The chance that the effect is at least `least`, which is zero or negative."""
        centre = self._centre(-1)
        reach = math.exp(float(log_ndtr((centre + least) / self.sd) - log_ndtr(centre / self.sd)))
        return self.good + self.void + self.bad * (1 - min(reach, 1.0))

    def interval(self) -> Interval:
        """The mean effect, and the bounds that hold it with `CONFIDENCE`: shrunken by what ideas are usually like."""
        good, bad = self._centre(1), self._centre(-1)
        mean = self.good * _above_zero(good, self.sd) - self.bad * _above_zero(bad, self.sd)
        tail = (1 - CONFIDENCE) / 2
        return Interval(mean, self._quantile(tail), self._quantile(1 - tail))

    def _centre(self, sign: int) -> float:
        """Where the normal lies that an effect of this sign is cut from: a slab leans on it towards zero."""
        return sign * self.mean - self.sd**2 / self.size

    def _quantile(self, q: float) -> float:
        if q < self.bad:
            return -_cut_quantile(self._centre(-1), self.sd, 1 - q / self.bad)
        if q <= self.bad + self.void or self.good <= 0:
            return 0.0
        return _cut_quantile(self._centre(1), self.sd, (q - self.bad - self.void) / self.good)


def _above_zero(centre: float, sd: float) -> float:
    """The mean of a normal that is cut off below zero."""
    ratio = centre / sd
    return max(float(centre + sd * np.exp(-(ratio**2) / 2 - _LOG_ROOT_2_PI - log_ndtr(ratio))), 0.0)


def _cut_quantile(centre: float, sd: float, q: float) -> float:
    """The same normal's quantile, accurate far out too."""
    q = min(max(q, 1e-12), 1 - 1e-12)
    return max(float(centre - sd * ndtri_exp(math.log1p(-q) + log_ndtr(centre / sd))), 0.0)


class IdeasPrior:
    """The shares of good and of void ideas, and the typical size of an effect, in the metric's unit."""

    def __init__(self, noise: float) -> None:
        """`noise` is the standard deviation of one run, which the sizes are looked for around."""
        grid = np.meshgrid(_GOOD, _VOID, noise * _SIZES, indexing="ij")
        good, void, size = (axis.ravel() for axis in grid)
        possible = good + void < 0.98
        self._good, self._void, self._size = good[possible], void[possible], size[possible]
        # Before anything is seen: effects of the noise's size, one idea in twelve an improvement.
        log_size = np.log2(self._size / noise)
        self._log_weight = -((log_size / 2) ** 2 + (np.log(self._good / 0.08) / 0.8) ** 2) / 2
        self._average()

    def learn(self, surprise: float, sd: float) -> None:
        """A new idea moved a run by `surprise` more than was expected without it; `sd` is what may move it anyway."""
        good = np.log(self._good) + _log_slab(surprise, sd, self._size)
        void = np.log(self._void) + _log_spike(surprise, sd)
        bad = np.log(1 - self._good - self._void) + _log_slab(-surprise, sd, self._size)
        self._log_weight = self._log_weight + np.logaddexp(np.logaddexp(good, void), bad)
        self._log_weight -= self._log_weight.max()
        self._average()

    def _average(self) -> None:
        weight = np.exp(self._log_weight - self._log_weight.max())
        weight /= weight.sum()
        self.good, self.void = float(weight @ self._good), float(weight @ self._void)
        self.bad = max(1 - self.good - self.void, 0.02)
        self.size = float(np.exp(weight @ np.log(self._size)))

    @property
    def mean(self) -> float:
        """Of a new idea's effect: most ideas harm, and a level that did not expect it would sink with every one."""
        return (self.good - self.bad) * self.size

    @property
    def variance(self) -> float:
        """Of a new idea's effect."""
        return 2 * self.size**2 * (1 - self.void) - self.mean**2

    def chances(self, means: Array, sds: Array) -> tuple[Array, Array, Array]:
        """The chances to be bad, void and good of ideas of whose effects the runs say `means` ± `sds`."""
        good = math.log(self.good) + _log_slab(means, sds, self.size)
        void = math.log(self.void) + _log_spike(means, sds)
        bad = math.log(self.bad) + _log_slab(-means, sds, self.size)
        top = np.maximum(np.maximum(good, void), bad)
        shares = [np.exp(each - top) for each in (bad, void, good)]
        total = shares[0] + shares[1] + shares[2]
        return shares[0] / total, shares[1] / total, shares[2] / total

    def belief(self, mean: float, sd: float) -> Belief:
        """All that is believed of one idea of whose effect the runs say `mean` ± `sd`."""
        bad, void, good = (float(share[0]) for share in self.chances(np.array([mean]), np.array([sd])))
        return Belief(bad, void, good, mean, sd, self.size)


def _log_slab(at: Array | float, sd: Array | float, size: Array | float) -> Array:
    """log density at `at` of an exponential effect of mean `size` plus normal noise of `sd`."""
    rate = 1 / np.asarray(size)
    return np.asarray(np.log(rate) + (rate * sd) ** 2 / 2 - rate * at + log_ndtr((at - rate * np.square(sd)) / sd))


def _log_spike(at: Array | float, sd: Array | float) -> Array:
    """The same for an idea without effect."""
    return np.asarray(-(np.square(at / np.asarray(sd)) / 2) - np.log(sd) - _LOG_ROOT_2_PI)
