"""The staircase: its points, its line, and that both pictures can be drawn."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from rich.text import Text

from overnight.morning.chart.png import write_png
from overnight.morning.chart.staircase import Staircase
from overnight.morning.chart.terminal import terminal_chart
from tests.night import Night

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def chart(night: Night) -> Staircase:
    """A baseline of 10, a keep at 8, a crash, one that was hopeless, one just missed."""
    night.baseline(10.0)
    night.keep(1, 8.0, "halve the step")
    night.crash(2, "it fell over")
    night.discard(3, 9000.0, "multiply by a thousand")
    night.discard(4, 8.1, "nearly")
    return Staircase.of(night.history, "loss", "lower")


def test_the_line_holds_until_the_next_keep(chart: Staircase) -> None:
    assert chart.kept == ([0, 1], [10.0, 8.0])
    assert chart.labels == ["the baseline", "halve the step"]
    assert chart.discarded == ([3, 4], [9000.0, 8.1])
    assert chart.steps() == ([0, 1, 4], [10.0, 8.0, 8.0])


def test_a_verdict_that_was_turned_late_stands_on_the_line_of_its_time(night: Night) -> None:
    night.baseline(10.0)
    night.discard(1, 10.5, before=10.0)
    night.keep(2, 8.0, before=10.0)
    night.discard(1, 8.1, before=8.0)  # The same effect, nearly; the incumbent is another by now.
    chart = Staircase.of(night.history, "loss", "lower")
    assert chart.discarded[0] == [1]
    assert chart.discarded[1] == pytest.approx([10.1])


def test_the_last_steps_band_is_the_incumbents_in_whatever_order_things_were_kept(night: Night) -> None:
    night.judge(0, "baseline", metric=10.0, metric_low=9.9, metric_high=10.1)
    night.keep(3, 9.0, before=10.0, metric_low=8.8, metric_high=9.2)
    night.keep(2, 8.5, before=9.0, metric_low=8.0, metric_high=9.1)  # open for a while, and kept after experiment 3
    chart = Staircase.of(night.history, "loss", "lower")
    assert chart.kept == ([0, 2, 3], [10.0, 9.5, 8.5])
    assert [pytest.approx(band) for band in chart.bands] == [(9.9, 10.1), (9.0, 10.1), (8.0, 9.1)]
    assert chart.has_band
    night.keep(4, 8.0, before=8.5)  # from an older program, which did not work it out
    assert Staircase.of(night.history, "loss", "lower").bands[-1] is None


def test_a_hopeless_candidate_does_not_squeeze_the_stairs(chart: Staircase) -> None:
    low, high = chart.shown_range()
    assert low < 8.0
    assert 10.0 < high < 12.0


def test_the_terminal_shows_stairs_of_the_asked_size(chart: Staircase) -> None:
    lines = Text.from_ansi(terminal_chart(chart, width=60, height=15)).plain.splitlines()
    assert len(lines) == 15
    assert {len(line) for line in lines} <= set(range(50, 61))
    assert "loss (lower is better)" in lines[0]
    assert sum(line.count("●") for line in lines) == 2


@pytest.mark.parametrize("direction", ["lower", "higher"])
def test_the_picture_is_a_png(chart: Staircase, direction: str, tmp_path: Path) -> None:
    chart.direction = direction
    write_png(chart, "a night with a $ and an _ in its title", tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(PNG)


def test_a_baseline_alone_can_be_drawn(night: Night, tmp_path: Path) -> None:
    night.baseline(0.0)
    chart = Staircase.of(night.history, "loss", "lower")
    write_png(chart, "so far", tmp_path / "chart.png")
    assert "●" in terminal_chart(chart, width=60)


def test_what_troubles_the_drawing_program_alone_is_told_to_nobody(
    tmp_path: Path, night: Night, caplog: pytest.LogCaptureFixture
) -> None:
    night.baseline(1.0)
    write_png(Staircase.of(night.history, "loss", "lower"), "a night", tmp_path / "chart.png")
    logging.getLogger("matplotlib").warning("no home to keep the list of fonts in")
    assert not caplog.records
