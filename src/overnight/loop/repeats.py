"""What the runs of one version say together: their means, their counts, and whether they repeat exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence

from overnight.judge.counts import Counts
from overnight.judge.noise import Noise, pooled_noise, reach_of_mean
from overnight.ledger.history import History
from overnight.ledger.records import Measured

_BY_CHANCE = 0.01
"""A rate that repeats is exact if fresh trials would hardly ever have given the same counts."""


def seems_exact(history: History) -> bool:
    """Every version that was run again gave the same number, and that was no coincidence."""
    return not history.is_noisy() and not repeats_by_chance(history.baseline_runs())


def repeats_by_chance(runs: Sequence[Measured]) -> bool:
    """Whether runs of one version that all gave the same rate may well have done so by chance.

    A comparison of rates always may: a judge that calls two equal versions a tie each time says nothing of others.
    """
    counts = counts_of(runs[0]) if runs else None
    if counts is not None and runs[0].rival is not None:
        return True
    return counts is not None and counts.chance_of_repeats(len(runs)) >= _BY_CHANCE


def counts_of(run: Measured) -> Counts | None:
    """The counts behind a metric that was printed as a rate (`31/400`)."""
    return Counts(run.value * run.trials, run.trials) if run.trials and run.value is not None else None


def interval_of(runs: Sequence[Measured]) -> tuple[float, float]:
    """The 95 % interval of the one metric that these runs are of, as far as they or their counts tell."""
    values = [run.value for run in runs if run.value is not None]
    counts = counts_of(runs[0])
    noise = Noise(counts.sd, len(values)) if counts and repeats_by_chance(runs) else pooled_noise([values])
    centre = mean(values)
    if noise.sd == 0:
        return centre, centre
    reach = reach_of_mean(noise, len(values))
    return centre - reach, centre + reach


def mean_metrics(runs: Sequence[Measured]) -> dict[str, float]:
    """Every number the candidate's runs printed, and what they used, each as its mean."""
    values: dict[str, list[float]] = {}
    for run in runs:
        if run.role in ("candidate", "baseline"):
            for name, value in run.metrics.items():
                values.setdefault(name, []).append(value)
    return {name: mean(each) for name, each in values.items()}


def mean(values: Sequence[float]) -> float:
    """The mean; of equal numbers it is that number, not one that rounding has moved."""
    return values[0] if min(values) == max(values) else math.fsum(values) / len(values)
