"""The test of live experiments: fair at every look, alike for both sides, sound for small and for large counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.judge.sequential import (
    BETTER,
    Side,
    answer,
    chance_of_more,
    chance_to_win,
    heads_to_win,
    is_broken,
    odd_if_alike,
    ratio,
    wealth,
    wealth_either_way,
)

COUNTS = st.integers(0, 100_000)
PEOPLE = 10**9


def is_precise(heads: int, total: int) -> bool:
    """Whether the share of the coins that are bent the right way is a number with all its digits."""
    return wealth(heads, total) - wealth_either_way(heads, total) > -600


@given(COUNTS, COUNTS)
def test_a_toss_of_a_fair_coin_leaves_the_wealth_what_it_is_on_average(heads: int, tails: int) -> None:
    total = heads + tails
    for wager in (wealth, wealth_either_way):
        now, up, down = wager(heads, total), wager(heads + 1, total + 1), wager(heads, total + 1)
        if math.isfinite(now) and now > -600 and is_precise(heads, total):
            assert np.logaddexp(up, down) - math.log(2) == pytest.approx(now, abs=1e-6)


@given(COUNTS, COUNTS)
def test_both_sides_are_treated_alike(one: int, other: int) -> None:
    here, there = ratio(Side(one, PEOPLE), Side(other, PEOPLE)), ratio(Side(other, PEOPLE), Side(one, PEOPLE))
    assert here.estimate * there.estimate == pytest.approx(1)
    assert here.low * there.high == pytest.approx(1, rel=1e-4) or (here.low, there.high) == (0, math.inf)
    assert here.low <= here.estimate <= here.high or here.low == 0 or here.high == math.inf
    forth, back = chance_of_more(Side(one, PEOPLE), Side(other, PEOPLE)), chance_of_more(
        Side(other, PEOPLE), Side(one, PEOPLE)
    )  # fmt: skip
    assert forth + back == pytest.approx(1)


@given(st.integers(1, 10_000), st.data())
def test_more_heads_are_more_wealth_and_a_higher_ratio(total: int, data: st.DataObject) -> None:
    heads = data.draw(st.integers(0, total - 1))
    assert wealth(heads + 1, total) > wealth(heads, total) or not is_precise(heads, total)
    fewer = ratio(Side(heads, PEOPLE), Side(total - heads, PEOPLE))
    more = ratio(Side(heads + 1, PEOPLE), Side(total - heads - 1, PEOPLE))
    assert (fewer.low, fewer.estimate, fewer.high) <= (more.low, more.estimate, more.high)


@given(st.integers(20, 50_000))
def test_what_is_kept_has_an_interval_above_nothing(total: int) -> None:
    heads = heads_to_win(total)
    if wealth(heads, total) >= math.log(BETTER):
        assert ratio(Side(heads, PEOPLE), Side(total - heads, PEOPLE)).low > 1
        assert wealth(heads - 1, total) < math.log(BETTER)


def test_ten_thousand_million_people_are_counted_as_well() -> None:
    many = ratio(Side(6.0e8, 1e10), Side(5.9e8, 1e10))
    assert many.low == pytest.approx(1.0168, abs=0.0003)
    assert many.high == pytest.approx(1.0171, abs=0.0003)
    assert wealth(6.0e8, 11.9e8) > 1000
    assert wealth(5.9e8, 11.9e8) < -5


def test_it_says_nothing_before_enough_people_were_there() -> None:
    for met, other in ((399, 5000), (5000, 399)):
        assert answer(Side(300, met), Side(100, other), more_is_better=True, enough=400, elapsed=0.9) == "open"
    assert answer(Side(300, 400), Side(100, 400), more_is_better=True, enough=400, elapsed=0.9) == "better"


@pytest.mark.parametrize(("more_is_better", "says"), [(True, "better"), (False, "worse")])
def test_the_direction_says_which_side_wins(more_is_better: bool, says: str) -> None:
    known = answer(Side(260, 2000), Side(180, 2000), more_is_better=more_is_better, enough=400, elapsed=0.1)
    assert known == says


def test_without_anybody_who_converts_nothing_is_known() -> None:
    nobody = Side(0, 1000)
    assert answer(nobody, nobody, more_is_better=True, enough=400, elapsed=0.2) == "open"
    assert (ratio(nobody, nobody).low, ratio(nobody, nobody).high) == (0, math.inf)
    assert Side(0, 0).rate == 0


def test_an_idea_without_a_chance_is_given_up_in_the_second_half_only() -> None:
    for elapsed, says in ((0.4, "open"), (0.6, "hopeless"), (1.0, "open")):
        known = answer(Side(500, 9000), Side(500, 9000), more_is_better=True, enough=400, elapsed=elapsed)
        assert known == says


def test_the_chance_to_win_is_what_play_shows() -> None:
    random = np.random.default_rng(5)
    heads, total, end = 540, 1000, 2000
    coins = random.beta(100 + heads, 100 + total - heads, 20_000)
    won = heads + random.binomial(end - total, coins) >= heads_to_win(end)
    assert chance_to_win(heads, total, end) == pytest.approx(won.mean(), abs=0.01)


def test_a_split_is_called_broken_only_when_it_is() -> None:
    assert not is_broken(5000, 5100)
    assert not is_broken(0, 0)
    assert not is_broken(8, 0)
    assert is_broken(700, 300)
    assert is_broken(50_000, 52_500)
    assert odd_if_alike(Side(300, 1000), Side(100, 1000))
    assert not odd_if_alike(Side(105, 1000), Side(95, 1000))


def test_looked_at_a_hundred_times_it_is_wrong_more_seldom_than_it_says() -> None:
    random = np.random.default_rng(1)
    keeps, dropped, missed = 0, 0, 0
    for _ in range(300):
        heads, total, covered = 0, 0, True
        verdict = "open"
        for tosses in random.poisson(20, 100):
            heads, total = heads + int(random.binomial(tosses, 0.5)), total + int(tosses)
            candidate, incumbent = Side(heads, PEOPLE), Side(total - heads, PEOPLE)
            bounds = ratio(candidate, incumbent)
            covered &= bounds.low <= 1 <= bounds.high
            if verdict == "open":
                verdict = answer(candidate, incumbent, more_is_better=True, enough=1, elapsed=0.0)
        keeps, dropped, missed = keeps + (verdict == "better"), dropped + (verdict == "worse"), missed + (not covered)
    # 1 in 40, 1 in 10 and 1 in 20 are the most; chance included.
    assert keeps <= 300 / 40 + 7
    assert dropped <= 300 / 10
    assert missed <= 300 / 20
