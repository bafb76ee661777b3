"""What each of many kept changes adds, from few runs: every run leaves a random half of them out.

A factorial design (Fisher 1926; Plackett and Burman 1946): all runs inform all effects, so twenty changes take about
fifty runs and not twenty times many. Each half and its complement share a seed, whose own effect is fitted too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from scipy.special import stdtrit

from overnight.judge.noise import CONFIDENCE, Interval
from overnight.judge.ties import Ideas, Ties

_ESTIMABLE = 1e-6
_ROUNDING = 1e-12
"""Of the largest metric: what is smaller comes from adding floats."""


@dataclass(frozen=True)
class Trial:
    """One run: which changes the version held, on which seed, and its metric."""

    inside: Ideas
    seed: int
    value: float


def halves(ideas: Sequence[int], ties: Ties, rounds: int, random: Random) -> list[tuple[Ideas, Ideas]]:
    """`rounds` random halves of the changes, each with its complement; whoever needs another comes with it or not.

    The first pair is everything and nothing: halves of one size alone would not tell the sum of all effects.
    """
    pairs: list[tuple[Ideas, Ideas]] = [(frozenset(ideas), frozenset())]
    for _ in range(rounds - 1):
        order = list(ideas)
        random.shuffle(order)
        half = frozenset(order[: (len(order) + random.randrange(2)) // 2])
        pairs.append((_supported(half, ties), _supported(frozenset(ideas) - half, ties)))
    return pairs


def leave_one_out(ideas: Sequence[int], ties: Ties) -> list[Ideas]:
    """All of the changes, and all without each of them (and without those that need it)."""
    whole = frozenset(ideas)
    return [whole, *(_supported(whole - {idea}, ties) for idea in ideas)]


def _supported(ideas: Ideas, ties: Ties) -> Ideas:
    return frozenset(idea for idea in ideas if ties.closure([idea]) <= ideas)


def main_effects(trials: Iterable[Trial], ideas: Sequence[int]) -> dict[int, Interval | None]:
    """How much each change adds to the metric, by least squares; None where the runs cannot tell."""
    rows = list(trials)
    seeds = sorted({trial.seed for trial in rows})
    design = np.array(
        [[*(float(idea in trial.inside) for idea in ideas), *(float(trial.seed == seed) for seed in seeds)]
         for trial in rows]
    )  # fmt: skip
    values = np.array([trial.value for trial in rows])
    inverse = np.linalg.pinv(design)
    estimate = inverse @ values
    known = np.abs(np.eye(design.shape[1]) - inverse @ design).max(axis=0) < _ESTIMABLE
    residuals = values - design @ estimate
    degrees = len(rows) - int(np.linalg.matrix_rank(design))
    largest = float(np.abs(values).max(initial=0.0))
    is_exact = float(np.abs(residuals).max(initial=0.0)) <= _ROUNDING * largest
    variances = np.diag(inverse @ inverse.T) * (float(residuals @ residuals) / degrees if degrees else np.inf)
    reach = float(stdtrit(max(degrees, 1), 0.5 + CONFIDENCE / 2))
    found: dict[int, Interval | None] = {}
    for place, idea in enumerate(ideas):
        mean = float(estimate[place])
        if abs(mean) <= _ROUNDING * largest:
            mean = 0.0
        around = 0.0 if is_exact else reach * float(np.sqrt(variances[place]))
        found[idea] = Interval(mean, mean - around, mean + around) if known[place] and np.isfinite(around) else None
    return found
