"""What repeats say about the noise, and few pairs about a difference."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.judge.noise import Noise, mean_difference, pooled_noise

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)
GROUPS = st.lists(st.lists(NUMBERS, max_size=6), max_size=6)


@given(st.lists(NUMBERS, min_size=2, max_size=20))
def test_one_version_alone_is_the_textbooks_standard_deviation(values: list[float]) -> None:
    noise = pooled_noise([values])
    assert noise.sd == pytest.approx(statistics.stdev(values), rel=1e-6, abs=1e-6)
    assert noise.degrees == len(values) - 1


@given(GROUPS, NUMBERS)
def test_where_a_version_lies_says_nothing_about_the_noise(groups: list[list[float]], shift: float) -> None:
    moved = [[value + shift * index for value in group] for index, group in enumerate(groups)]
    assert pooled_noise(moved).sd == pytest.approx(pooled_noise(groups).sd, rel=1e-6, abs=1e-3)


@given(st.lists(st.tuples(NUMBERS, st.integers(1, 5)), max_size=5))
def test_identical_repeats_are_exact_however_they_round(groups: list[tuple[float, int]]) -> None:
    noise = pooled_noise([[value] * count for value, count in groups])
    assert noise.sd == 0
    assert noise.is_exact == (noise.degrees > 0)


def test_single_runs_tell_nothing() -> None:
    assert pooled_noise([[1.0], [2.0], []]) == Noise(0.0, 0)
    assert not pooled_noise([[1.0]]).is_exact


def test_the_interval_is_students() -> None:
    # t for 95 % and 4 degrees of freedom is 2.776: any statistics table has it.
    differences = [1.0, 2.0, 3.0, 4.0, 5.0]
    interval = mean_difference(differences, Noise(0.0, 0))
    reach = 2.7764451 * statistics.stdev(differences) / math.sqrt(5)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((3, 3 - reach, 3 + reach))


def test_one_difference_with_nothing_known_beforehand_could_be_anything() -> None:
    interval = mean_difference([1.0], Noise(0.0, 0))
    assert (interval.low, interval.high) == (-math.inf, math.inf)


def test_what_is_known_beforehand_makes_two_lucky_pairs_honest() -> None:
    # Two pairs that happen to agree seem certain by themselves; the known noise says otherwise.
    alone = mean_difference([1.0, 1.01], Noise(0.0, 0))
    informed = mean_difference([1.0, 1.01], Noise(2.0, 10))
    assert alone.low > 0 > informed.low


@given(st.lists(NUMBERS, min_size=1, max_size=10), st.floats(0, 1e3), st.integers(0, 50))
def test_the_mean_lies_within_and_signs_mirror(differences: list[float], sd: float, degrees: int) -> None:
    interval = mean_difference(differences, Noise(sd, degrees))
    mirrored = mean_difference([-value for value in differences], Noise(sd, degrees))
    assert interval.low <= interval.mean <= interval.high
    assert (mirrored.low, mirrored.high) == (-interval.high, -interval.low)
