"""The staircase: every experiment as a dot, the best so far as a line, the kept ones by name.

The picture is that of `progress.png` in karpathy/autoresearch, with one difference: the line is the incumbent's mean
over repeated runs, not the luckiest run.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from overnight.ledger.history import History

_MOST_LABELS = 25
_KEPT, _DISCARDED, _LINE = "#1a9850", "#b8bcc4", "#2f6f4f"


@dataclass
class Staircase:
    """The chart's points: experiment numbers and metrics."""

    metric: str
    direction: str
    discarded: tuple[list[int], list[float]] = field(default_factory=lambda: ([], []))
    kept: tuple[list[int], list[float]] = field(default_factory=lambda: ([], []))
    """The baseline is the first of them."""
    labels: list[str] = field(default_factory=list)
    last: int = 0

    @classmethod
    def of(cls, history: History, metric: str, direction: str) -> Staircase:
        """The chart of a session."""
        chart = cls(metric, direction)
        for judged in history.judged_after(-1):
            chart.last = judged.number
            if judged.metric is None:
                continue
            is_kept = judged.verdict in ("keep", "baseline")
            numbers, metrics = chart.kept if is_kept else chart.discarded
            numbers.append(judged.number)
            # A keep stands on the branch where it was kept, which may be later than its number: its own step counts.
            is_step = is_kept and judged.before is not None and len(metrics) > 0
            metrics.append(metrics[-1] + judged.metric - (judged.before or 0.0) if is_step else judged.metric)
            if is_kept:
                chart.labels.append(judged.hypothesis)
        return chart

    def steps(self) -> tuple[list[int], list[float]]:
        """The line: each kept metric holds until the next keep."""
        numbers, metrics = self.kept
        return [*numbers, max(self.last, *numbers)], [*metrics, metrics[-1]]

    def shown_range(self) -> tuple[float, float]:
        """The metrics worth showing: hopeless candidates must not squeeze the stairs into one line."""
        metrics = self.kept[1]
        span = (max(metrics) - min(metrics)) or abs(metrics[0]) * 0.05 or 1.0
        low, high = min(metrics), max(metrics)
        near = [value for value in self.discarded[1] if low - span <= value <= high + 0.6 * span]
        return min([low, *near]) - 0.08 * span, max([high, *near]) + 0.08 * span


def write_png(chart: Staircase, title: str, path: Path) -> None:
    """Draw the chart into a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - takes half a second to load
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(12, 6.2), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    low, high = chart.shown_range()
    clipped = [min(max(value, low), high) for value in chart.discarded[1]]
    axes.scatter(chart.discarded[0], clipped, s=16, color=_DISCARDED, label=f"discarded ({len(clipped)})", zorder=2)
    axes.step(*chart.steps(), where="post", color=_LINE, linewidth=1.6, alpha=0.8, label="best so far", zorder=3)
    kept = len(chart.kept[0]) - 1
    axes.scatter(*chart.kept, s=46, color=_KEPT, edgecolor="white", linewidth=0.8, label=f"kept ({kept})", zorder=4)
    better_is_up = chart.direction == "higher"
    for number, metric, label in _chosen_labels(chart):
        is_late = number > 0.75 * chart.last  # Its label goes to the left, or it would leave the picture.
        axes.annotate(
            _short(label),
            (number, metric),
            xytext=(-5 if is_late else 5, -5 if better_is_up else 5),
            textcoords="offset points",
            fontsize=8,
            color=_LINE,
            rotation=24 if better_is_up == is_late else -24,
            rotation_mode="anchor",
            ha="right" if is_late else "left",
            va="top" if better_is_up else "bottom",
            zorder=5,
        )
    axes.set_ylim(low, high)
    axes.set_xlabel("experiment")
    axes.set_ylabel(f"{chart.metric} ({chart.direction} is better)")
    axes.set_title(textwrap.fill(title.replace("$", r"\$"), 130), loc="left", fontsize=11)
    axes.grid(alpha=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right" if better_is_up else "upper right", frameon=False)
    FigureCanvasAgg(figure)
    figure.savefig(path, format="png")


def terminal_chart(chart: Staircase, width: int, height: int = 18) -> str:
    """The chart in characters, with colour codes."""
    import plotext  # noqa: PLC0415 - only needed here

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(width, height)
    low, high = chart.shown_range()
    inside = [(n, m) for n, m in zip(*chart.discarded, strict=True) if low <= m <= high]
    if inside:
        plotext.scatter([n for n, _ in inside], [m for _, m in inside], marker="·", color="gray")
    numbers, metrics = _corners(*chart.steps())
    plotext.plot(numbers, metrics, marker="hd", color="green")
    plotext.scatter(*chart.kept, marker="●", color="green+")
    plotext.ylim(low, high)
    plotext.title(f"{chart.metric} ({chart.direction} is better)")
    return str(plotext.build())


def _corners(numbers: list[int], metrics: list[float]) -> tuple[list[int], list[float]]:
    """The corner points of a step line."""
    xs, ys = [numbers[0]], [metrics[0]]
    for number, before, after in zip(numbers[1:], metrics, metrics[1:], strict=False):
        xs += [number, number]
        ys += [before, after]
    return xs, ys


def _chosen_labels(chart: Staircase) -> Iterable[tuple[int, float, str]]:
    """Labels of the baseline and the kept ones; of very many, those that moved the line the most."""
    points = list(zip(*chart.kept, chart.labels, strict=True))
    gains = [0.0, *(abs(after[1] - before[1]) for before, after in itertools.pairwise(points))]
    chosen = sorted(range(len(points)), key=lambda index: -gains[index] if index else float("-inf"))[:_MOST_LABELS]
    return [points[index] for index in sorted(chosen)]


def _short(label: str) -> str:
    return textwrap.shorten(label.replace("$", r"\$"), 44, placeholder="…")
