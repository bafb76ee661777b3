"""The effects of many ideas told apart from runs that held some of them each: Bayesian regression, run by run.

The unknowns are the machine's level, which may wander (a hot laptop, a busy server), and one effect for each idea that
is still open. Each run is one equation; Kalman's formula (1960) brings means and covariances up to date in a time
that depends on how many ideas are open, and not on how many runs there were.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from overnight.judge.noise import Noise

Array = NDArray[np.float64]
NONE: frozenset[int] = frozenset()

_DRIFT = 1e-2
"""How far the level may wander from run to run: its variance, in that of the noise."""
_OUTLIER_SDS = 3.0
_INFERRED = 0.1
"""What a surprise says of the noise, in repeats, where a version was never run before: it is as much about effects
that may not be what was thought."""
_ALIKE = np.array([0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 0.98])
"""The correlations that two runs on one seed may have."""
_REMEMBERED = 64
"""Closed ideas of which is still known how they hung together with others: more will hardly be in runs under way."""
_NOT_ALIKE = 0.5
"""The chance beforehand that a shared seed makes runs no more alike."""


@dataclass(frozen=True)
class Run:
    """One run of the version that holds some ideas; or a comparison of it with another version, made side by side."""

    inside: frozenset[int]
    value: float
    against: frozenset[int] = NONE
    """What the other version holds; `value` is then by how much the first is better."""
    spread: float = 1.0
    """How noisy this run is, as its variance divided by a usual run's."""


@dataclass(frozen=True)
class _Snapshot:
    """All that was known when an idea was closed."""

    ideas: list[int]
    mean: Array
    cov: Array


class Effects:
    """Means and covariances of the level (first) and of the effect of every open idea. A larger value is better."""

    def __init__(self, baseline: Sequence[float], noise: Noise) -> None:
        """`baseline` are the baseline's values, `noise` what is known of one run's noise beforehand."""
        self.ideas: list[int] = []
        self.variance = noise.sd**2
        """Of one run's noise."""
        self._degrees = float(max(noise.degrees, 1))
        self._squares = self.variance * self._degrees
        self._seen: set[int] = set()
        self.runs = 0
        self.repeats = 0
        """Runs made only to see the same version again: they show the noise, whatever the effects are."""
        self._mean = np.array([fmean(baseline)])
        self._cov = np.array([[self.variance / len(baseline)]])
        self._before: list[tuple[float, float]] = []
        self.closed: dict[int, tuple[float, float]] = {}
        """What was last believed of the effects of ideas that were open once: mean and variance."""
        self._snapshots: dict[int, _Snapshot] = {}
        others = (1 - _NOT_ALIKE) / (len(_ALIKE) - 1)
        self._log_alike = np.log([_NOT_ALIKE, *[others] * (len(_ALIKE) - 1)])

    @property
    def sd(self) -> float:
        """Standard deviation of one run's noise."""
        return math.sqrt(self.variance)

    def in_sds(self, sds: float) -> float:
        """How many of the standard deviations that are thought to be the noise's to reach as far, and as surely, as
        `sds` of the true ones: Student's t, since the noise is known from few repeats at first."""
        return max(float(stdtrit(self._degrees, ndtr(sds))), sds)

    def from_runs(self) -> tuple[Array, Array]:
        """What the runs alone say of each open idea's effect: mean and standard deviation, the prior taken out."""
        if not self.ideas:
            return np.array([]), np.array([])
        variances = np.diag(self._cov)[1:]
        mean_before, variance_before = np.array(self._before).T
        by_runs = 1 / np.maximum(1 / variances - 1 / variance_before, 1e-9 / variance_before)
        return by_runs * (self._mean[1:] / variances - mean_before / variance_before), np.sqrt(by_runs)

    def add(self, idea: int, mean: float, variance: float) -> None:
        """A new idea, of which only is known what effects are like on average."""
        self.ideas.append(idea)
        self._before.append((mean, variance))
        self._mean = np.append(self._mean, mean)
        self._cov = np.pad(self._cov, (0, 1))
        self._cov[-1, -1] = variance

    def forget(self, ideas: Iterable[int]) -> None:
        """These will be in no run any more, except in what is under way."""
        gone = set(ideas)
        before = _Snapshot(self.ideas, self._mean, self._cov)
        for place, idea in enumerate(self.ideas, start=1):
            if idea in gone:
                self.closed[idea] = float(self._mean[place]), float(self._cov[place, place])
                self._snapshots.pop(idea, None)
                self._snapshots[idea] = before
        for idea in list(self._snapshots)[:-_REMEMBERED]:
            del self._snapshots[idea]
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

    @contextmanager
    def recalling(self, *runs: Run) -> Iterator[None]:
        """Ideas in these runs that are no longer open come back for as long as this lasts, as they were last known."""
        back = sorted(self.closed.keys() & {idea for run in runs for idea in run.inside | run.against})
        for idea in back:
            self._reopen(idea)
        yield
        if back:
            self.forget(back)

    def _reopen(self, idea: int) -> None:
        """What is known of the others now, and how this one depended on them: no run without it can change that."""
        then = self._snapshots.get(idea)
        if then is None:
            self.add(idea, *self.closed[idea])
            return
        places = {other: place for place, other in enumerate(then.ideas, start=1)}
        now, old = [0], [0]
        for place, other in enumerate(self.ideas, start=1):
            if other in places:
                now.append(place)
                old.append(places[other])
        shared, factors = then.cov[old, places[idea]], np.zeros(len(self._mean))
        factors[now] = _solved(then.cov[np.ix_(old, old)], shared)
        mean, variance = self.closed[idea]
        mean += float(factors @ self._mean - factors[now] @ then.mean[old])
        covariances = self._cov @ factors
        variance = max(variance - float(factors[now] @ shared), 1e-9 * variance) + float(factors @ covariances)
        self.add(idea, mean, variance)
        self._cov[-1, :-1] = self._cov[:-1, -1] = covariances

    @property
    def alike(self) -> float:
        """How alike two runs on one seed are, as far as pairs have shown: the correlation of their noise."""
        weights = np.exp(self._log_alike - self._log_alike.max())
        return float(weights @ _ALIKE / weights.sum())

    def predict(self, run: Run) -> tuple[float, float]:
        """Mean and variance of what such a run will give, its own noise included."""
        row = self._row(run)
        return float(row @ self._mean), float(row @ self._cov @ row) + self.variance

    def doubt(self, ideas: Iterable[int]) -> float:
        """Variance of what is known of the effects of these ideas together."""
        held = frozenset(ideas)
        row = np.array([0.0, *(float(idea in held) for idea in self.ideas)])
        return float(row @ self._cov @ row)

    def told(self, idea: int, run: Run, partner: Run | None = None) -> float:
        """By how much such a run would narrow the variance of an idea's effect; `partner` was on the same seed."""
        row, _, noise = self._equation(run, partner, self.alike)
        spread = self._cov @ row
        return float(spread[1 + self.ideas.index(idea)] ** 2 / (row @ spread + noise))

    def learn(self, run: Run, partner: Run | None = None, *, repeats: Run | None = None) -> None:
        """A run was made; `partner` is an earlier one on the same seed, and `repeats` one of the same version after
        which this one would have been made whatever it had given."""
        self._cov[0, 0] += _DRIFT * self.variance
        if partner is not None:
            self._learn_how_alike(run, partner)
        row, value, noise = self._equation(run, partner, self.alike)
        spread = self._cov @ row
        variance = float(row @ spread) + noise
        surprise = value - float(row @ self._mean)
        surprise = math.copysign(min(abs(surprise), _OUTLIER_SDS * math.sqrt(variance)), surprise)
        self._mean = self._mean + spread * (surprise / variance)
        self._cov = self._cov - np.outer(spread, spread) / variance
        version = hash((run.inside, run.against))
        if repeats is None:
            # A run says the more about the noise the less else was unknown about it.
            says = 1.0 if version in self._seen else _INFERRED
            self._learn_noise(says * (noise / variance) ** 2, surprise**2 / variance)
        else:
            squares = (run.value - repeats.value) ** 2 / (run.spread + repeats.spread) / self.variance
            most = self.in_sds(_OUTLIER_SDS) ** 2
            self._learn_noise(1.0, min(squares, most))
            self.repeats += squares <= most  # One that was out of all proportion asks for another.
        self._seen.add(version)
        self.runs += 1

    def _learn_noise(self, weight: float, squares: float) -> None:
        """A deviation was seen whose square should be 1, in units of the variance that was expected of it."""
        self._squares += weight * squares * self.variance
        self._degrees += weight
        self.variance = self._squares / self._degrees

    def _equation(self, run: Run, partner: Run | None, alike: float) -> tuple[Array, float, float]:
        """A run as one equation: the unknowns' factors, what their sum should be, and the variance of its noise.

        Of two runs whose noise has correlation ρ, the second is expected to be off by ρ times what the first was, and
        has 1 − ρ² of the variance left: so ρ times the first equation is taken from the second.
        """
        row, noise = self._row(run), self.variance * run.spread
        if partner is None:
            return row, run.value, noise
        part = alike * math.sqrt(run.spread / partner.spread)
        return row - part * self._row(partner), run.value - part * partner.value, noise * (1 - alike**2)

    def _learn_how_alike(self, run: Run, partner: Run) -> None:
        for place, alike in enumerate(_ALIKE):
            row, value, noise = self._equation(run, partner, float(alike))
            variance = float(row @ self._cov @ row) + noise
            squares = min((value - float(row @ self._mean)) ** 2 / variance, _OUTLIER_SDS**2)
            self._log_alike[place] -= (math.log(variance) + squares) / 2

    def _row(self, run: Run) -> Array:
        return np.array([1.0, *(float(idea in run.inside) - float(idea in run.against) for idea in self.ideas)])


def _solved(matrix: Array, values: Array) -> Array:
    try:
        return np.asarray(np.linalg.solve(matrix, values))
    except np.linalg.LinAlgError:  # Only where values are out of all proportion.
        return np.zeros(len(values))
