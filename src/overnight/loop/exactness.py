"""Whether a metric repeats exactly, as far as the runs so far can tell."""

from __future__ import annotations

from overnight.judge.counts import Counts
from overnight.ledger.history import History

_BY_CHANCE = 0.01
"""A rate that repeats is exact if fresh trials would hardly ever have given the same counts."""


def seems_exact(history: History) -> bool:
    """Every version that was run again gave the same number, and that was no coincidence."""
    if history.repeats():
        return False
    baseline = [run for run in history.runs(0) if run.role == "baseline" and run.value is not None]
    if not baseline or baseline[0].trials is None or baseline[0].value is None:
        return True
    counts = Counts(baseline[0].value * baseline[0].trials, baseline[0].trials)
    return counts.chance_of_repeats(len(baseline)) < _BY_CHANCE
