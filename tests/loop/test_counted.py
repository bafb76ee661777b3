"""What a look at a live experiment comes to, in numbers and in words."""

from __future__ import annotations

import math
import time

import pytest

from overnight.judge.sequential import Ratio
from overnight.ledger.records import Deployed, Judged, Measured
from overnight.loop.counted import chained, counts_words, ratio_words, rebased, split_problem
from overnight.loop.trial import seconds_out
from tests.night import Night


def look(conversions: float, people: float, others_conversions: float, others: float) -> Measured:
    return Measured(
        number=1,
        role="candidate",
        commit="c",
        fingerprint="f",
        seed=1,
        outcome="ok",
        value=conversions / people,
        trials=people,
        rival=others_conversions / others,
        rival_trials=others,
    )


def test_counts_are_whole_again() -> None:
    assert counts_words(look(49, 1049, 31, 1000)) == "49 of 1,049 people, beside 31 of 1,000"


def test_a_keep_on_other_ground_has_the_ratio_that_people_have_shown() -> None:
    kept = Judged(number=2, verdict="keep", reason="better", before=0.3, metric=0.45, metric_low=0.36)
    assert rebased(kept, 0.2) == pytest.approx({"metric": 0.3, "metric_low": 0.24})


def test_a_ratio_is_told_in_percent() -> None:
    assert ratio_words(Ratio(1.22, 1.05, 1.41)) == "+22 % (95 % interval +5 % to +41 %)"
    assert ratio_words(Ratio(0.9, 0.5, math.inf)) == "-10 % (95 % interval -50 % or more)"


def test_only_a_split_that_is_really_uneven_is_called_broken() -> None:
    assert split_problem(look(1, 480, 1, 520)) is None
    assert "300 people met the candidate and 700 the incumbent" in (split_problem(look(1, 300, 1, 700)) or "")


def test_what_is_not_known_of_a_chain_grows_with_each_link() -> None:
    before = Judged(number=1, verdict="keep", reason="", metric=0.10, metric_low=0.08, metric_high=0.125)
    effect = Ratio(1.2, 1.2 * 0.8, 1.2 / 0.8)
    low, high = (chained(before, 0.12, effect, side) for side in (-1, 1))
    assert low == pytest.approx(0.12 * 0.8 ** (2**0.5))
    assert high == pytest.approx(0.12 / 0.8 ** (2**0.5))
    assert chained(before, 0.12, Ratio(1.2, 0.0, math.inf), 1) is None


def test_time_among_people_is_counted_over_restarts_and_not_in_between(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    # Out, out again after a kill, taken back, out once more.
    for at, out in ((0, True), (40, True), (100, False), (500, True)):
        monkeypatch.setattr(time, "time", lambda at=at: now + at)
        night.history.append(Deployed(number=3, out=out))
    monkeypatch.setattr(time, "time", lambda: now + 525)
    assert seconds_out(night.history, 3) == pytest.approx(125)
    assert seconds_out(night.history, 4) == 0
    assert night.history.out() == 3
