"""What verdicts and runs amount to: the order they are written in, what is told of them, and their means."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from overnight.ledger.records import Judged, Measured
from overnight.loop.events import ExperimentJudged, SessionEvent, VerdictChanged


def in_order(verdicts: list[Judged]) -> list[Judged]:
    """What is not kept first, so that the newest keep is the last of the branch; the keeps stay in its order."""
    return [*(v for v in verdicts if v.verdict != "keep"), *(v for v in verdicts if v.verdict == "keep")]


def news_of(verdicts: list[Judged], was: dict[int, Judged | None]) -> Iterator[SessionEvent]:
    """What is to be told of verdicts that were just written; `was` has those they replace."""
    for judged in sorted(verdicts, key=lambda each: each.number):
        before = was[judged.number]
        if before is None:
            yield ExperimentJudged(judged)
        elif before.verdict != judged.verdict:
            yield VerdictChanged(judged, before.verdict)


def mean_metrics(runs: list[Measured]) -> dict[str, float]:
    """Every number the candidate's runs printed, and what they used, each as its mean."""
    values: dict[str, list[float]] = {}
    for run in runs:
        if run.role in ("candidate", "baseline"):
            for name, value in run.metrics.items():
                values.setdefault(name, []).append(value)
    return {name: _mean(each) for name, each in values.items()}


def _mean(values: Sequence[float]) -> float:
    # The mean of equal numbers is that number, not one that rounding has moved.
    return values[0] if min(values) == max(values) else math.fsum(values) / len(values)
