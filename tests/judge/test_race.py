"""The race as a pure function: how it ends, what it costs, how often it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from statistics import fmean, stdev
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.judge.noise import Noise
from overnight.judge.race import MOST_PAIRS, SEEDS_WANTED, Decision, Evidence, RunCandidate, RunIncumbent, next_step

SEEDS = list(range(100, 100 + SEEDS_WANTED))
EXACT = Noise(0.0, 2)
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


def race(
    candidate: Callable[[int], float],
    incumbent: Callable[[int], float | None],
    *,
    level: float = 0.0,
    noise: Noise = EXACT,
    direction: Literal["lower", "higher"] = "lower",
) -> tuple[Decision, list[RunCandidate | RunIncumbent]]:
    """Ask, do, ask again, as the loop does. The metric of a run depends on its seed alone."""
    candidates: dict[int, float] = {}
    incumbents: dict[int, float | None] = {}
    steps: list[RunCandidate | RunIncumbent] = []
    while True:
        step = next_step(Evidence(direction, noise, level, SEEDS, candidates, incumbents))
        if isinstance(step, Decision):
            return step, steps
        steps.append(step)
        assert len(steps) <= 2 * SEEDS_WANTED, "it goes round in circles"
        if isinstance(step, RunCandidate):
            assert step.seed not in candidates
            candidates[step.seed] = candidate(step.seed)
        else:
            assert step.seed not in incumbents
            incumbents[step.seed] = incumbent(step.seed)


@given(NUMBERS, NUMBERS)
def test_exact_metrics_cost_one_run_and_a_tie_is_no_improvement(value: float, level: float) -> None:
    decision, steps = race(lambda _: value, lambda _: level, level=level)
    assert steps == [RunCandidate(SEEDS[0])]
    assert decision.keep == (value < level)
    assert decision.gain.low == decision.gain.mean == decision.gain.high == level - value


@given(st.integers(0, 2**32), st.floats(-3, 3), st.floats(0.01, 10))
def test_it_always_ends_and_says_the_same_in_the_mirror(chance: int, gain: float, sd: float) -> None:
    def run(sign: float) -> Callable[[float, int], Callable[[int], float]]:
        return lambda mean, salt: lambda seed: sign * (mean + Random(f"{chance}{salt}{seed}").gauss(0, sd))

    lower = run(1.0)
    decision, steps = race(lower(-gain, 1), lower(0.0, 2), noise=Noise(sd, 5))
    higher = run(-1.0)
    mirrored, same_steps = race(higher(-gain, 1), higher(0.0, 2), noise=Noise(sd, 5), direction="higher")
    assert steps == same_steps
    assert (decision.keep, decision.reason) == (mirrored.keep, mirrored.reason)
    assert len(steps) <= 1 + 2 * MOST_PAIRS
    assert decision.keep == (decision.gain.low > 0)


def test_the_hopeless_are_dropped_after_one_run() -> None:
    decision, steps = race(lambda _: 5.0, lambda _: 0.0, noise=Noise(1.0, 2))
    assert not decision.keep
    assert len(steps) == 1
    assert "one run was worse by 5" in decision.reason


def test_a_lucky_first_run_does_not_count() -> None:
    decision, _ = race(lambda seed: -9.0 if seed == SEEDS[0] else 0.3, lambda _: 0.0, noise=Noise(1.0, 4))
    assert not decision.keep
    assert decision.gain.mean == pytest.approx(-0.3)
    assert "the first run was luck" in decision.reason


def test_both_versions_get_the_same_fresh_seeds_and_take_turns_in_going_first() -> None:
    _, steps = race(lambda seed: -2.0 - 0.4 * (seed % 2), lambda seed: 0.4 * (seed % 3), noise=Noise(3.0, 2))
    assert steps[0] == RunCandidate(SEEDS[0])
    fresh = steps[1:]
    pairs = [fresh[index : index + 2] for index in range(0, len(fresh), 2)]
    assert all(one.seed == other.seed for one, other in pairs)
    assert [isinstance(one, RunIncumbent) for one, _ in pairs] == [index % 2 == 0 for index in range(len(pairs))]


def test_a_machine_that_slows_down_during_the_race_does_not_decide_it() -> None:
    # Every run is worse than the one before; the two versions are the same.
    clock = iter(range(1000))
    decision, _ = race(
        lambda _: -9.0 if (now := next(clock)) == 0 else float(now), lambda _: float(next(clock)), noise=Noise(1.0, 2)
    )
    assert not decision.keep


def test_an_incumbent_that_fails_once_costs_a_pair_and_one_that_always_fails_the_race() -> None:
    decision, steps = race(lambda _: -9.0, lambda seed: None if seed == SEEDS[1] else 0.0, noise=Noise(1.0, 2))
    assert decision.keep
    assert RunCandidate(SEEDS[1]) not in steps
    decision, _ = race(lambda _: -9.0, lambda _: None, noise=Noise(1.0, 2))
    assert not decision.keep
    assert "the incumbent failed every time" in decision.reason


def is_kept(gain: float, random: Random) -> bool:
    """A candidate that is better by `gain` standard deviations, raced as it is after three runs of the baseline."""
    baseline = [random.gauss(0, 1) for _ in range(3)]
    decision, _ = race(
        lambda _: random.gauss(-gain, 1),
        lambda _: random.gauss(0, 1),
        level=fmean(baseline),
        noise=Noise(stdev(baseline), 2),
    )
    return decision.keep


def test_what_changes_nothing_is_rarely_kept_and_what_helps_a_lot_nearly_always() -> None:
    random = Random(0)
    nights = 1500
    # The usual rule (better than the best run so far) keeps the first null change every second time.
    assert sum(is_kept(0.0, random) for _ in range(nights)) < 0.05 * nights
    assert sum(is_kept(5.0, random) for _ in range(nights)) > 0.85 * nights
