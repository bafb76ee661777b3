"""The chart's points: nothing that matters is thinned out."""

from __future__ import annotations

from pathlib import Path

import pytest

from overnight.dashboard.chart import FAILED, KEPT, MOST_DOTS, NOT_BETTER, Chart
from overnight.ledger.history import History
from overnight.ledger.records import Judged
from overnight.ledger.store import Ledger
from tests.night import Night


def test_a_short_night_is_drawn_whole(night: Night) -> None:
    night.baseline(10.0)
    night.discard(1, 11.0)
    night.crash(2, "failed")
    night.keep(3, 9.0, before=10.0, metric_low=8.5, metric_high=9.5)
    drawn = Chart().drawn(night.history, first=0, last=None, columns=1000)
    assert drawn["numbers"] == [0, 1, 2, 3]
    assert drawn["metrics"] == [10.0, 11.0, None, 9.0]
    assert drawn["kinds"] == [KEPT, NOT_BETTER, FAILED, KEPT]
    assert drawn["steps"] == {
        "numbers": [0, 3],
        "metrics": [10.0, 9.0],
        "lows": [10.0, 8.5],
        "highs": [10.0, 9.5],
    }
    assert drawn["low"] < 9.0
    assert drawn["high"] > 11.0


def test_it_begins_empty_and_follows_the_ledger(night: Night) -> None:
    chart = Chart()
    empty = chart.drawn(night.history, first=0, last=None, columns=1000)
    assert (empty["numbers"], empty["steps"]["numbers"], empty["low"]) == ([], [], None)
    night.baseline(10.0)
    night.keep(1, 9.0, before=10.0)
    assert chart.drawn(night.history, first=0, last=None, columns=1000)["kinds"] == [KEPT, KEPT]
    night.judge(1, "discard", metric=9.0)  # Taken back.
    after = chart.drawn(night.history, first=0, last=None, columns=1000)
    assert after["kinds"] == [KEPT, NOT_BETTER]
    assert after["steps"]["numbers"] == [0]


def test_a_verdict_that_was_turned_late_stands_on_the_line_of_its_own_time(night: Night) -> None:
    night.baseline(10.0)
    night.keep(2, 7.0, before=10.0)
    night.judge(1, "discard", metric=7.5, before=7.0)  # Compared with what was kept when the night was over.
    night.judge(3, "discard", metric=7.5, before=7.0)
    drawn = Chart().drawn(night.history, first=0, last=None, columns=1000)
    assert drawn["metrics"] == [10.0, 10.5, 7.0, 7.5]


def test_what_was_kept_is_a_dot_on_the_line_in_whatever_order_it_was_kept(night: Night) -> None:
    night.judge(0, "baseline", metric=10.0, metric_low=9.9, metric_high=10.1)
    night.keep(3, 9.0, before=10.0, metric_low=8.8, metric_high=9.2)
    night.keep(2, 8.5, before=9.0, metric_low=8.0, metric_high=9.1)  # open for a while, and kept after experiment 3
    drawn = Chart().drawn(night.history, first=0, last=None, columns=1000)
    assert drawn["metrics"] == drawn["steps"]["metrics"] == [10.0, 9.5, 8.5]
    assert (drawn["steps"]["lows"][-1], drawn["steps"]["highs"][-1]) == (8.0, 9.1)  # The incumbent's.


def test_hopeless_candidates_do_not_squeeze_the_stairs(night: Night) -> None:
    night.baseline(10.0)
    night.keep(1, 9.0, before=10.0)
    night.discard(2, 1e6)
    drawn = Chart().drawn(night.history, first=0, last=None, columns=1000)
    assert drawn["high"] < 12


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> History:
    """20,000 experiments, every 100th kept, two of them outstanding."""
    path: Path = tmp_path_factory.mktemp("long") / "ledger.db"
    ledger = Ledger.open(path)
    records = [Judged(number=0, verdict="baseline", reason="", metric=100.0)]
    for number in range(1, 20_001):
        kept = number % 100 == 0
        metric = 100.0 - number / 1000 if kept else 101.0 + number % 7 / 10
        metric = {12_345: 150.0, 15_555: 80.0}.get(number, metric)
        verdict = "keep" if kept else "crash" if number % 10 == 3 else "discard"
        records.append(Judged(number=number, verdict=verdict, reason="", metric=None if verdict == "crash" else metric))
    ledger.append("s", *records)
    return History(ledger, "s")


def test_a_long_night_is_thinned_out_but_for_keeps_and_extremes(long: History) -> None:
    drawn = Chart().drawn(long, first=0, last=None, columns=800)
    assert len(drawn["numbers"]) <= MOST_DOTS
    assert len(drawn["numbers"]) > MOST_DOTS * 0.6
    assert drawn["of"] == 20_001
    assert drawn["numbers"] == sorted(set(drawn["numbers"]))
    assert set(range(0, 20_001, 100)) <= set(drawn["numbers"])
    metrics = dict(zip(drawn["numbers"], drawn["metrics"], strict=True))
    assert metrics[15_555] == 80.0
    assert 12_345 in metrics
    assert FAILED in drawn["kinds"]
    gaps = [after - before for before, after in zip(drawn["numbers"], drawn["numbers"][1:], strict=False)]
    assert max(gaps) <= 50, "no part of the night is missing"


def test_zoomed_in_everything_is_there(long: History) -> None:
    drawn = Chart().drawn(long, first=12_000, last=12_999, columns=800)
    assert drawn["numbers"] == list(range(12_000, 13_000))


def test_more_keeps_than_there_is_room_for(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    records = [Judged(number=number, verdict="keep", reason="", metric=1.0 / number) for number in range(1, 9_001)]
    ledger.append("s", Judged(number=0, verdict="baseline", reason="", metric=2.0), *records)
    drawn = Chart().drawn(History(ledger, "s"), first=0, last=None, columns=100)
    assert len(drawn["numbers"]) <= MOST_DOTS
    assert drawn["numbers"][-1] == 9_000
