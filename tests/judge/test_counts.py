"""Rates with counts."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.judge.counts import Counts


def test_the_noise_of_a_rate_is_binomial() -> None:
    assert Counts(100, 400).sd == pytest.approx(math.sqrt(0.25 * 0.75 / 400), rel=0.01)
    assert Counts(0, 20).sd > 0.02


def test_repeats_that_cannot_be_chance_mean_an_exact_rate() -> None:
    assert Counts(310, 4000).chance_of_repeats(3) < 0.01
    assert Counts(0, 20).chance_of_repeats(5) > 0.05
    assert Counts(3, 10).chance_of_repeats(3) > 0.01 > Counts(3, 10).chance_of_repeats(5)


@given(st.integers(1, 10_000), st.floats(0, 1), st.integers(2, 5))
def test_any_rate_has_a_noise_and_a_chance(trials: int, rate: float, runs: int) -> None:
    counts = Counts(rate * trials, trials)
    assert counts.sd > 0
    assert 0 <= counts.chance_of_repeats(runs) <= 1


def test_who_counts_does_not_wait_for_a_library_to_load() -> None:
    program = "import sys, overnight.loop.session; raise SystemExit('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
