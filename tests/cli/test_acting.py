"""The end of the demo: the chart, and the table of what was kept."""

from __future__ import annotations

import io

from rich.console import Console

from overnight.cli.acting import _example, _show_result
from overnight.morning.summary import summarize
from tests.night import Night


def test_the_result_is_a_chart_and_a_table_of_what_was_kept(night: Night) -> None:
    night.baseline(4.0)
    night.keep(1, 3.0, "raise [LR]")
    night.discard(2, 3.5)
    night.keep(3, 2.0, "drop a layer")
    console = Console(file=io.StringIO(), width=90)
    _show_result(night.history, summarize(night.history, running=False), console)
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert "loss (lower is better)" in said
    assert said.count("●") == 3
    first, second = (line.split() for line in said.splitlines() if "raise [LR]" in line or "drop a layer" in line)
    assert first == ["1", "raise", "[LR]", "3", "1.0000", "25.0", "%"]
    assert second == ["3", "drop", "a", "layer", "2", "1.0000", "50.0", "%"]


def test_the_example_is_where_the_demo_looks_for_it() -> None:
    assert {entry.name for entry in _example().iterdir()} >= {"goal.md", "train.py", "score.py", "prepare.py"}
