"""The chart laid out in the plane: where each dot, line, tick and name goes. `svg.py` and `png.py` only draw it."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from overnight.morning.chart.labels import Box, Label, Named, place
from overnight.morning.chart.staircase import Staircase, corners

_CELL = 16.0
_DOT = 5.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Frame:
    """How large the picture is, and what it has room for."""

    width: float
    height: float
    font: float
    top: float = 12.0
    labels: int = 25
    """How many of the kept changes are named at most."""
    named: bool = True
    """Whether by their hypotheses; else by their numbers only."""


WIDE = Frame(960, 400, 11.5)
NARROW = Frame(380, 300, 11.0, labels=10, named=False)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Kept:
    """A dot of the staircase."""

    number: int
    x: float
    y: float
    title: str


@dataclass(frozen=True)
class Scene:
    """Everything in the picture's units; y grows downward."""

    frame: Frame
    plot: Box
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    dots: list[Point]
    """Those that were not better."""
    dot_size: float
    beyond: list[Point]
    """Those that were far worse (or better) than what is shown, at its edge."""
    failed: list[Point]
    """Those without a metric, at the lower edge."""
    failed_size: float
    line: list[Point]
    bands: list[list[Point]]
    kept: list[Kept]
    labels: list[Label]


def lay_out(chart: Staircase, frame: Frame) -> Scene:
    """Lay a session's chart out. It must have a baseline."""
    low, high = chart.shown_range()
    x_about, y_about = (10, 6) if frame.named else (5, 5)
    y_values = ticks(low, high, y_about)
    y_texts = tick_texts(y_values)
    left = 14 + 0.62 * frame.font * max(len(text) for text in y_texts)
    plot = Box(left, frame.top, frame.width - 10, frame.height - 34)
    lane = 16.0 if chart.failed else 0.0
    last = max(chart.last, 1)

    def x_of(number: float) -> float:
        return round(plot.left + 8 + (plot.right - plot.left - 16) * number / last, 1)

    def y_of(metric: float) -> float:
        share = (metric - low) / (high - low)
        return round(plot.bottom - lane - (plot.bottom - lane - plot.top) * min(max(share, 0.0), 1.0), 1)

    inside: list[Point] = []
    beyond: list[Point] = []
    for number, metric in zip(*chart.discarded, strict=True):
        (inside if low <= metric <= high else beyond).append((x_of(number), y_of(metric)))
    size = 5.0 if len(inside) <= 400 else 3.6 if len(inside) <= 3000 else 2.4
    numbers, metrics = corners(*chart.steps())
    line = [(x_of(number), y_of(metric)) for number, metric in zip(numbers, metrics, strict=True)]
    line.append((plot.right, line[-1][1]))  # The best goes on being the best.
    kept = [
        Kept(number, x_of(number), y_of(metric), f"{number}: {label}" if number else label)
        for number, metric, label in zip(*chart.kept, chart.labels, strict=True)
    ]
    dots = distinct(inside, size / 2)
    return Scene(
        frame=frame,
        plot=plot,
        x_ticks=[Tick(x_of(value), f"{value:.0f}") for value in ticks(0, last, x_about) if value % 1 == 0],
        y_ticks=[Tick(y_of(value), text) for value, text in zip(y_values, y_texts, strict=True)],
        dots=dots,
        dot_size=size,
        beyond=distinct(beyond, 4.0),
        failed=distinct([(x_of(number), plot.bottom - lane / 2) for number in chart.failed], 3.0),
        failed_size=5.0 if len(chart.failed) <= 100 else 3.5,
        line=line,
        bands=list(_bands(chart, [*(x_of(number) for number in chart.kept[0]), plot.right], y_of)),
        kept=kept,
        labels=_labels(chart, frame, plot, kept, line, dots, lane),
    )


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round values within a range, about so many, evenly apart by 1, 2 or 5 times a power of ten."""
    raw = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def tick_texts(values: Sequence[float]) -> list[str]:
    """The values as text, all with as many decimals."""
    if len(values) < 2:
        return [f"{value:.6g}" for value in values] or [""]
    largest, step = max(map(abs, values)), values[1] - values[0]
    if largest >= 1e7 or step < 1e-7:
        return [f"{value:.{max(0, math.ceil(math.log10(largest / step)))}e}" for value in values]
    decimals = max(0, -math.floor(math.log10(step * 1.0001)))
    return [f"{value if abs(value) > step / 2 else 0:.{decimals}f}" for value in values]


def distinct(points: Iterable[Point], apart: float) -> list[Point]:
    """Of points that lie nearly on each other, one."""
    seen = {(round(x / apart), round(y / apart)): (x, y) for x, y in points}
    return list(seen.values())


def _bands(chart: Staircase, edges: Sequence[float], y_of: Callable[[float], float]) -> Iterable[list[Point]]:
    """For each stretch of the line whose uncertainty is known, the area around it; `edges` are where steps begin."""
    steps = list(zip(itertools.pairwise(edges), chart.bands, strict=True))
    for is_known, group in itertools.groupby(steps, key=lambda step: step[1] is not None and step[1][0] < step[1][1]):
        upper: list[Point] = []
        lower: list[Point] = []
        for (start, end), band in group:
            if is_known and band is not None:
                upper += [(start, y_of(band[1])), (end, y_of(band[1]))]
                lower += [(start, y_of(band[0])), (end, y_of(band[0]))]
        if is_known:
            yield [*upper, *lower[::-1]]


def _labels(
    chart: Staircase,
    frame: Frame,
    plot: Box,
    kept: Sequence[Kept],
    line: Sequence[Point],
    dots: Sequence[Point],
    lane: float,
) -> list[Label]:
    """Names of the baseline and the kept ones; of very many, those that moved the line the most."""
    gains = [math.inf, *(abs(after - before) for before, after in itertools.pairwise(chart.kept[1]))]
    order = sorted(range(len(kept)), key=lambda index: (-gains[index], index))[: frame.labels]
    texts = chart.labels if frame.named else [f"#{each.number}" if each.number else "baseline" for each in kept]
    crowd = Counter((int(x // _CELL), int(y // _CELL)) for x, y in dots)

    def dots_in(box: Box) -> float:
        columns = range(int(box.left // _CELL), int(box.right // _CELL) + 1)
        rows = range(int(box.top // _CELL), int(box.bottom // _CELL) + 1)
        return sum(crowd[column, row] for column in columns for row in rows)

    pieces = [
        Box(min(x, u) - 1, min(y, v) - 1, max(x, u) + 1, max(y, v) + 1) for (x, y), (u, v) in itertools.pairwise(line)
    ]
    return place(
        [Named(kept[index].number, kept[index].x, kept[index].y, texts[index]) for index in order],
        Box(plot.left, plot.top, plot.right, plot.bottom - lane),
        taken=[Box(each.x - _DOT, each.y - _DOT, each.x + _DOT, each.y + _DOT) for each in kept],
        line=pieces,
        dots_in=dots_in,
        font=frame.font,
        free_side="below" if chart.direction == "lower" else "above",
    )
