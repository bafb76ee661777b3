"""The session in one glance, and numbers in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.ledger.records import Verified
from overnight.morning.summary import improvement_percent, summarize
from overnight.morning.words import duration_words, percent_words, verified_words
from tests.night import Night, sha


def verified(**changes: object) -> Verified:
    known = {
        "baseline_commit": sha(0), "best_commit": sha(1), "command": "python score.py", "baseline": 10.0, "best": 8.0,
        "pairs": 5, "percent": 20.0, "percent_low": 18.5, "percent_high": 21.5,
    }  # fmt: skip
    return Verified.model_validate({**known, **changes})


def test_a_session_from_its_first_moment_to_its_last(night: Night) -> None:
    begun = summarize(night.history, running=True)
    assert (begun.state, begun.baseline, begun.improvement_percent) == ("running", None, None)
    night.baseline(10.0)
    night.keep(1, 8.0)
    night.discard(2, 9.0)
    killed = summarize(night.history, running=False)
    assert (killed.state, killed.experiments, killed.kept, killed.last_reason) == ("stopped", 2, 1, "")
    assert killed.improvement_percent == 20
    night.stop("all 2 experiments are done", finished=True)
    night.history.append(verified())
    done = summarize(night.history, running=False).as_json()
    assert (done["state"], done["reason"], done["verified_percent"]) == ("finished", "all 2 experiments are done", 20)
    assert (done["baseline"], done["best"], done["best_number"], done["branch"]) == (10, 8, 1, "overnight/s")
    assert done["worked_seconds"] < 60


def test_a_verification_of_an_earlier_best_says_nothing_about_this_one(night: Night) -> None:
    night.baseline(10.0)
    night.keep(1, 8.0)
    night.history.append(verified())
    night.keep(2, 7.0)
    assert summarize(night.history, running=True).verified is None


@pytest.mark.parametrize(
    ("old", "new", "direction", "percent"),
    [
        (10, 8, "lower", 20), (10, 12, "lower", -20), (10, 12, "higher", 20), (-10, -8, "higher", 20),
        (0, 1, "lower", None), (None, 1, "lower", None),
    ],
)  # fmt: skip
def test_percent(old: float | None, new: float, direction: str, percent: float | None) -> None:
    assert improvement_percent(old, new, direction) == percent


def test_words() -> None:
    assert percent_words(11.44) == "11.4 % better"
    assert percent_words(-0.31) == "0.31 % worse"
    assert percent_words(0.0) == "no better"
    assert percent_words(99.9923) == "99.9923 % better"
    assert percent_words(99.9999999) == "99.9999 % better"
    assert percent_words(100.0) == "100 % better"
    assert "no meaning" in percent_words(None)
    assert (
        verified_words(verified()) == "verified 20 % better (95 % interval 18.5 to 21.5, 5 pairs of runs on new seeds)"
    )
    exact = verified(percent_low=20.0, percent_high=20.0, pairs=2)
    assert verified_words(exact) == "verified 20 % better (2 pairs of runs, all alike)"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (0.02, "0.02 s"), (45.4, "45 s"), (200, "3 min 20 s"), (28980, "8 h 03 min")]
)
def test_lengths_of_time(seconds: float, words: str) -> None:
    assert duration_words(seconds) == words


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_better_is_positive_in_both_directions(old: float, new: float) -> None:
    lower, higher = (improvement_percent(old, new, direction) for direction in ("lower", "higher"))
    assert lower is not None
    assert higher is not None
    assert (lower > 0) == (new < old) == (higher < 0)
