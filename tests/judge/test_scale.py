"""Times on the log scale, everything else as it is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.judge.scale import Scale


@pytest.mark.parametrize("name", ["seconds", "p95_ms", "wall_seconds", "lcp", "step-time", "latency", "t.ms"])
def test_times_are_known_by_their_names(name: str) -> None:
    assert Scale.of(name, "lower", [1.0, 2.0]).kind == "log"
    assert Scale.of(name, "lower", [0.0, 2.0]).kind == "plain"


@pytest.mark.parametrize("name", ["loss", "val_bpb", "accuracy", "sometimes", "reply_rate", "score"])
def test_other_numbers_are_not(name: str) -> None:
    assert Scale.of(name, "lower", [1.0, 2.0]).kind == "plain"


@given(st.floats(1e-3, 1e3), st.floats(-2, 2), st.sampled_from(["lower", "higher"]), st.sampled_from(["ms", "loss"]))
def test_there_and_back(before: float, gain: float, direction: str, name: str) -> None:
    scale = Scale.of(name, direction, [before])  # type: ignore[arg-type]
    after = scale.after(before, gain)
    step = (
        scale.inner(before) - scale.inner(after) if direction == "lower" else scale.inner(after) - scale.inner(before)
    )
    assert step == pytest.approx(gain, abs=1e-9)
    assert math.copysign(1, scale.gain(before, gain)) == math.copysign(1, gain) or abs(gain) < 1e-9


def test_a_time_of_zero_is_a_very_good_time() -> None:
    scale = Scale.of("seconds", "lower", [2.0])
    assert math.isfinite(scale.inner(0.0))
    assert scale.inner(0.0) < scale.inner(0.001)
