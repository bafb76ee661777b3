"""Leaving kept changes out of some runs."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.judge.factorial import Trial, halves, leave_one_out, main_effects
from overnight.judge.ties import Ideas, Ties

effects = st.dictionaries(st.integers(1, 30), st.floats(-5, 5), min_size=1, max_size=12)


def value(truth: dict[int, float], inside: Ideas) -> float:
    return sum(truth[idea] for idea in inside)


@given(effects, st.integers(0, 1000))
def test_exact_effects_come_out_exactly(truth: dict[int, float], seed: int) -> None:
    ideas = sorted(truth)
    one_by_one = main_effects([Trial(each, 0, value(truth, each)) for each in leave_one_out(ideas, Ties())], ideas)
    pairs = halves(ideas, Ties(), len(ideas) + 4, Random(seed))
    # Whatever a seed adds is the same for a half and its complement.
    by_halves = main_effects(
        [Trial(each, n, 7.0 * n + value(truth, each)) for n, pair in enumerate(pairs) for each in pair], ideas
    )
    for idea, effect in truth.items():
        for found in (one_by_one[idea], by_halves[idea]):
            if found is not None:
                assert found.mean == pytest.approx(effect, abs=1e-6)
    assert all(one_by_one.values())


def test_the_interval_holds_the_truth_nineteen_times_in_twenty() -> None:
    random = Random(1)
    truth = {idea: random.expovariate(1) for idea in range(1, 21)}
    held = total = 0
    for _ in range(40):
        pairs = halves(sorted(truth), Ties(), 24, random)
        trials = [
            Trial(each, n, value(truth, each) + random.gauss(0, 0.5)) for n, pair in enumerate(pairs) for each in pair
        ]
        for idea, found in main_effects(trials, sorted(truth)).items():
            if found is not None:
                held += found.low <= truth[idea] <= found.high
                total += 1
    assert 0.91 < held / total < 0.99
    assert total > 700


def test_who_needs_another_is_never_run_without_it() -> None:
    ties = Ties(requires={2: {1}, 3: {2}})
    for half, rest in halves([1, 2, 3], ties, 30, Random(0)):
        for version in (half, rest):
            assert all(ties.closure([idea]) <= version for idea in version)
    assert leave_one_out([1, 2, 3], ties) == [{1, 2, 3}, frozenset(), {1}, {1, 2}]


def test_what_cannot_be_told_apart_is_not_told() -> None:
    both = frozenset({1, 2})
    assert main_effects([Trial(both, 0, 3.0), Trial(frozenset(), 0, 1.0)], [1, 2]) == {1: None, 2: None}
