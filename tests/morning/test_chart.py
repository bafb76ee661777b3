"""The staircase: its points, its line, and that both pictures can be drawn."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.text import Text

from overnight.morning.chart import Staircase, terminal_chart
from overnight.morning.png import write_png
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
