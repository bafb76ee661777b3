"""The chart's geometry, whatever a night was like."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from hypothesis import example, given, settings
from hypothesis import strategies as st

from overnight.morning.chart.labels import Box
from overnight.morning.chart.scene import NARROW, WIDE, Frame, Point, Scene, lay_out, tick_texts, ticks
from overnight.morning.chart.staircase import Staircase
from overnight.morning.chart.svg import staircase_svg

FRAMES = st.sampled_from([WIDE, NARROW])


@st.composite
def nights(draw: st.DrawFn) -> Staircase:
    """Any session that has a baseline."""
    size = draw(st.sampled_from([1e-6, 1e-2, 1.0, 1e4, 1e9]))
    metrics = st.floats(-10, 10).map(lambda value: value * size)
    count = draw(st.integers(0, 120))
    verdicts = draw(st.lists(st.sampled_from("kddddf"), min_size=count, max_size=count))
    chart = Staircase("loss", draw(st.sampled_from(["lower", "higher"])), last=count)
    for number, verdict in enumerate(["k", *verdicts]):
        metric = draw(metrics)
        if verdict == "f":
            chart.failed.append(number)
            continue
        numbers, values = chart.kept if verdict == "k" else chart.discarded
        numbers.append(number)
        values.append(metric)
        if verdict == "k":
            chart.labels.append(draw(st.text(max_size=80)))
            width = draw(st.none() | st.floats(0, 3).map(lambda value: value * size))
            chart.bands.append(None if width is None else (metric - width, metric + width))
    return chart


@settings(max_examples=60)
@given(nights(), FRAMES)
def test_everything_lies_within_the_picture(chart: Staircase, frame: Frame) -> None:
    scene = lay_out(chart, frame)
    points = [
        *scene.dots, *scene.beyond, *scene.failed, *scene.line, *((each.x, each.y) for each in scene.kept),
        *itertools.chain(*scene.bands),
    ]  # fmt: skip
    for x, y in points:
        assert scene.plot.left <= x <= scene.plot.right
        assert scene.plot.top - 0.1 <= y <= scene.plot.bottom
    assert all(0 <= tick.at <= frame.width for tick in scene.x_ticks)
    assert len(scene.dots) + len(scene.beyond) <= len(chart.discarded[0])
    assert len(scene.kept) == len(chart.kept[0])


@settings(max_examples=60)
@given(nights(), FRAMES)
def test_names_can_be_read(chart: Staircase, frame: Frame) -> None:
    scene = lay_out(chart, frame)
    assert len(scene.labels) <= frame.labels
    assert len({label.number for label in scene.labels}) == len(scene.labels)
    for one, other in itertools.combinations(scene.labels, 2):
        assert not one.box.overlaps(other.box)
        assert not one.pole.overlaps(other.box)
    for label in scene.labels:
        assert scene.plot.holds(label.box)
        assert not any(label.box.overlaps(Box(dot.x - 4, dot.y - 4, dot.x + 4, dot.y + 4)) for dot in scene.kept)


@settings(max_examples=60)
@given(nights(), FRAMES)
def test_the_band_is_around_the_line(chart: Staircase, frame: Frame) -> None:
    scene = lay_out(chart, frame)
    for band in scene.bands:
        for (x, y), above, below in _stretches(scene, band):
            assert above - 0.1 <= y <= below + 0.1, x


def _stretches(scene: Scene, band: list[Point]) -> Iterator[tuple[Point, float, float]]:
    """The middle of each level stretch of the line that the band covers, with the band's two edges there."""
    half = len(band) // 2
    upper, lower = band[:half], band[half:][::-1]
    for start in range(0, half, 2):
        middle = (upper[start][0] + upper[start + 1][0]) / 2
        level = next((y for (x, y), (end, _) in itertools.pairwise(scene.line) if x < middle < end), None)
        if level is not None:  # Steps so close together that they fall on one place have no middle.
            yield (middle, level), upper[start][1], lower[start][1]


@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e9), st.integers(2, 12))
@example(0.0, 1.0, 5)
def test_ticks_are_round_few_and_in_order(low: float, span: float, about: int) -> None:
    high = low + span
    if high - low < 1e-9 * abs(low):
        return  # Beyond what numbers of a machine can tell apart.
    values = ticks(low, high, about)
    assert len(values) <= about + 1
    assert values == sorted(set(values))
    step = span * 1e-6 + 1e-9 * abs(low)
    assert all(low - step <= value <= high + step for value in values)
    texts = tick_texts(values)
    if span > 1e-6 * abs(low):
        assert len(set(texts)) == len(texts)


def test_ticks_as_people_write_them() -> None:
    assert tick_texts(ticks(1.85, 2.13, 6)) == ["1.85", "1.90", "1.95", "2.00", "2.05", "2.10"]
    assert tick_texts(ticks(-2, 2, 4)) == ["-2", "-1", "0", "1", "2"]
    assert tick_texts(ticks(0, 60, 10)) == ["0", "10", "20", "30", "40", "50", "60"]


def test_ten_thousand_dots_stay_small() -> None:
    chart = Staircase("loss", "lower", last=10_000)
    chart.kept = ([0], [1.0])
    chart.labels, chart.bands = ["the baseline"], [None]
    chart.discarded = (list(range(1, 10_001)), [1.0 + (number * 7919 % 10_007) / 1e6 for number in range(1, 10_001)])
    svg = staircase_svg(chart, WIDE, name="wide", title="t", description="d")
    assert len(svg) < 150_000
    assert len(re.findall("<path", svg)) < 12


@given(st.text(max_size=60))
def test_a_name_is_text_whatever_it_is(words: str) -> None:
    chart = Staircase("a<b", "lower", last=1)
    chart.kept, chart.labels, chart.bands = ([0, 1], [2.0, 1.0]), ["the baseline", f"<b>{words}"], [None, None]
    svg = staircase_svg(chart, WIDE, name="wide", title=f"<i>{words}", description=f'"{words}"')
    assert "<b>" not in svg
    assert "<i>" not in svg
    assert svg.count("<svg") == svg.count("</svg>") == 1
