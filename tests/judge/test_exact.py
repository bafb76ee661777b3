"""One run decides where the metric repeats exactly."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from overnight.judge.exact import exact_gain, exact_reason

finite = st.floats(-1e300, 1e300)


@given(finite, finite)
def test_directions_mirror_each_other(value: float, incumbent: float) -> None:
    assert exact_gain("lower", value, incumbent) == -exact_gain("higher", value, incumbent)


def test_a_tie_is_no_gain() -> None:
    assert exact_gain("lower", 1.5, 1.5) == 0
    assert [exact_reason(gain) for gain in (0.0, 0.25, -2.0)] == ["a tie", "better by 0.25", "worse by 2"]
