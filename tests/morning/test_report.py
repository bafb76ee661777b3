"""The morning's page: true, complete, and safe to open whatever an agent called its ideas."""

from __future__ import annotations

from pathlib import Path

from overnight.morning.report import write_report
from overnight.morning.summary import summarize
from tests.night import Night


def report(night: Night, folder: Path) -> str:
    summary = summarize(night.history, running=False)
    written = write_report(night.history, summary, folder / "report")
    assert (written.picture is not None) == (summary.baseline is not None)
    if written.picture is not None:
        assert written.picture.read_bytes().startswith(b"\x89PNG")
    return written.markdown.read_text()


def test_a_night_with_everything_in_it(night: Night, tmp_path: Path) -> None:
    night.baseline(10.0)
    night.keep(1, 8.0, "halve the step", gain_low=1.5, gain_high=2.5)
    night.keep(2, 7.5, "drop a layer", gain_low=0.5, gain_high=0.5)
    night.discard(3, 9.0)
    night.crash(4, "it fell over")
    night.crash(5, "it fell over")
    night.judge(6, "no_change")
    text = report(night, tmp_path)
    assert text.startswith("# Overnight ran 6 experiments in ")
    assert "kept 2; loss 10 → 7.5, 25 % better, not verified yet" in text
    assert "| 1 | halve the step | 8 | 2 | 1.5 to 2.5 | 20 % | `0000000` |" in text
    assert "| 0.5 | exact | 25 % |" in text
    assert "2 kept, 1 not better, 2 crashed, 1 changed nothing." in text
    assert "- 2 × it fell over" in text
    assert "`overnight apply` puts the kept changes on your branch" in text


def test_a_night_without_a_keep_or_a_baseline(night: Night, tmp_path: Path) -> None:
    assert "has not measured the baseline of loss yet" in report(night, tmp_path)
    night.baseline(10.0)
    text = report(night, tmp_path)
    assert "ran 0 experiments" in text
    assert "kept none; loss stays at 10" in text
    assert "There is nothing to take." in text


def test_what_an_agent_wrote_is_text_and_nothing_else(night: Night, tmp_path: Path) -> None:
    night.baseline(10.0)
    night.keep(1, 8.0, "a | b\n# Title <script>alert(1)</script> ![x](http://evil/p.png) `code`")
    night.crash(2, "</sub><img src=x onerror=y>")
    text = report(night, tmp_path)
    row = next(line for line in text.splitlines() if line.startswith("| 1 |"))
    assert row.replace("\\|", "").count("|") == 8
    assert "<script" not in text
    assert "<img" not in text
    assert "![x](http" not in text
