"""The staircase: every experiment as a dot, the best so far as a line, the kept ones by name.

The picture is that of `progress.png` in karpathy/autoresearch, with two differences: the line is the incumbent's mean
over repeated runs, not the luckiest run, and the band around it says how well that is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from overnight.ledger.accounts import FAILED
from overnight.ledger.history import History
from overnight.morning.chart.stairs import Band, Stairs
from overnight.morning.plain import one_line


@dataclass
class Staircase:
    """The chart's points: experiment numbers and metrics."""

    metric: str
    direction: str
    discarded: tuple[list[int], list[float]] = field(default_factory=lambda: ([], []))
    kept: tuple[list[int], list[float]] = field(default_factory=lambda: ([], []))
    """The baseline is the first of them."""
    labels: list[str] = field(default_factory=list)
    bands: list[Band | None] = field(default_factory=list)
    """For each of the kept, the 95 % interval of its metric; None where nobody worked it out."""
    failed: list[int] = field(default_factory=list)
    """The experiments that crashed, ran out of time or broke a rule."""
    last: int = 0

    @classmethod
    def of(cls, history: History, metric: str, direction: str) -> Staircase:
        """The chart of a session."""
        stairs = Stairs.of(history)
        chart = cls(
            metric,
            direction,
            kept=(stairs.numbers, stairs.metrics),
            labels=[one_line(hypothesis) for hypothesis in stairs.hypotheses],
            bands=stairs.bands,
        )
        line = 0
        for number, verdict, value, before in history.moves():
            chart.last = max(chart.last, number)
            while line + 1 < len(chart.kept[0]) and chart.kept[0][line + 1] < number:
                line += 1
            if verdict in FAILED:
                chart.failed.append(number)
            elif value is not None and math.isfinite(value) and verdict not in ("keep", "baseline"):
                chart.discarded[0].append(number)
                chart.discarded[1].append(stairs.standing_on(line, value, before))
        return chart

    def steps(self) -> tuple[list[int], list[float]]:
        """The line: each kept metric holds until the next keep."""
        numbers, metrics = self.kept
        return [*numbers, max(self.last, *numbers)], [*metrics, metrics[-1]]

    @property
    def has_band(self) -> bool:
        """Whether there is any uncertainty to be drawn."""
        return any(band is not None and band[0] < band[1] for band in self.bands)

    @property
    def has_outside(self) -> bool:
        """Whether any experiment was too far off to be shown at its place."""
        low, high = self.shown_range()
        return any(not low <= value <= high for value in self.discarded[1])

    def shown_range(self) -> tuple[float, float]:
        """The metrics worth showing: hopeless candidates must not squeeze the stairs into one line."""
        metrics = self.kept[1]
        low, high = min(metrics), max(metrics)
        span = (high - low) or abs(metrics[0]) * 0.05 or 1.0
        worse, better = 0.6 * span, span
        below, above = (better, worse) if self.direction == "lower" else (worse, better)
        near = [value for value in self.discarded[1] if low - below <= value <= high + above]
        edges = [min(max(edge, low - span), high + span) for band in self.bands if band for edge in band]
        return min([low, *near, *edges]) - 0.08 * span, max([high, *near, *edges]) + 0.08 * span


def corners(numbers: list[int], metrics: list[float]) -> tuple[list[int], list[float]]:
    """The corner points of a step line."""
    xs, ys = [numbers[0]], [metrics[0]]
    for number, before, after in zip(numbers[1:], metrics, metrics[1:], strict=False):
        xs += [number, number]
        ys += [before, after]
    return xs, ys
