"""The judge of noise as a pure function: what it keeps, what it costs, and what cannot matter to it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.judge.judge import KEPT, MOST_DUEL_RUNS, NONE, Judge
from overnight.judge.ties import Ideas, Ties

BASELINE = [10.0, 10.3, 9.8, 10.1, 9.9]
Story = list[tuple[list[int], float]]


def told(story: Story, baseline: list[float] = BASELINE, direction: str = "higher") -> Judge:
    judge = Judge(direction, baseline)  # type: ignore[arg-type]
    for inside, value in story:
        judge.observe(inside, value)
    return judge


def verdicts(judge: Judge) -> tuple[list[int], list[int]]:
    return judge.best([], Ties()), judge.hopeless(Ties())


def test_a_huge_gain_is_kept_a_huge_loss_dropped_and_a_tie_left_open() -> None:
    judge = told([([1], 15.0), ([1, 2], 10.0), ([1, 3], 15.0)])
    assert verdicts(judge) == ([1], [2])
    assert 0.02 < judge.chance(3) < 0.5
    assert judge.gain(1).low > 4
    assert judge.gain(1).low < 5 < judge.gain(1).high
    assert judge.gain(2).high < -4


def test_a_claim_is_smaller_than_the_lucky_run_it_stands_on() -> None:
    judge = told([([1], 10.5)])
    assert 0 < judge.gain(1).mean < 0.45


def test_what_a_version_gives_is_known_the_better_the_more_often_it_was_run() -> None:
    once, often = told([([1], 15.0)]), told([([1], 15.0), ([], 10.0)] * 10)
    assert once.reach([]) > 0
    assert once.reach([1]) > once.reach([])  # The baseline's own doubt, and the idea's on top of it.
    assert often.reach([1]) < once.reach([1])
    often.settle([1])
    assert often.reach([1]) == pytest.approx(told([([1], 15.0), ([], 10.0)] * 10).reach([1]), rel=0.5)


def test_an_idea_that_was_lucky_once_is_taken_back() -> None:
    judge = told([([1], 10.9)])
    assert judge.chance(1) > KEPT
    for value in [9.9, 10.1, 10.0, 9.8, 10.2, 10.0] * 2:
        judge.observe([1], value)
        judge.observe([], value)
    assert judge.best([1], Ties()) == []


def test_a_duel_runs_the_incumbent_and_the_idea_in_turns_and_ends() -> None:
    random = Random(0)
    for truth in (0.0, 0.2, 1.0):
        judge = told([([1], 10.0 + truth)])
        seen: list[Ideas] = []
        while (version := judge.duel(1, NONE)) is not None:
            seen.append(version)
            judge.observe(version, 10.0 + truth * (1 in version) + random.gauss(0, 0.2))
        assert sum(1 in version for version in seen) < MOST_DUEL_RUNS
        assert len(seen) < 2 * MOST_DUEL_RUNS


def after_pairs(*, seeds: bool) -> Judge:
    """Pairs of runs whose noise is large and common to both, for an idea with an effect that is small beside it."""
    judge, random = told([([1], 10.0)]), Random(3)
    for pair in range(12):
        common = random.gauss(0, 0.3)
        for inside in ([], [1]):
            value = 10.0 + common + 0.1 * len(inside) + random.gauss(0, 0.02)
            judge.observe(inside, value, seed=pair if seeds else None)
    return judge


def test_noise_that_is_the_seeds_cancels_between_runs_on_one_seed() -> None:
    apart, paired = after_pairs(seeds=False).gain(1), after_pairs(seeds=True).gain(1)
    assert paired.low < 0.1 < paired.high
    assert paired.high - paired.low < (apart.high - apart.low) / 2


def test_the_noise_is_learned_from_repeats_that_were_made_whatever_came_before() -> None:
    random = Random(5)
    judge = Judge("higher", [10.0, 10.01, 10.0, 9.99, 10.0])  # By luck the baseline hardly moved.
    for number in range(160):
        judge.observe([number], random.gauss(10, 0.2))
        if judge.wants_repeat():
            judge.observe([number], random.gauss(10, 0.2))
            assert not judge.wants_repeat()
    assert 0.08 < judge.noise < 0.3


def test_versions_compared_side_by_side_need_no_level() -> None:
    random = Random(7)
    # Differences; the side of the candidate is favoured by 0.5.
    judge = Judge("higher", [0.5, 0.6, 0.4, 0.55, 0.45], side_by_side=True)
    for effect, idea in ((0.0, 1), (1.0, 2)):
        for _ in range(4):
            judge.observe([idea], 0.5 + effect + random.gauss(0, 0.1), against=[])
    for _ in range(4):
        judge.observe([1], 0.5 - 1.0 + random.gauss(0, 0.1), against=[2])
    assert judge.best([], Ties()) == [2]
    assert judge.gain(2).low < 1.0 < judge.gain(2).high


def test_ideas_that_exclude_each_other_are_never_run_or_kept_together() -> None:
    ties = Ties(excludes={1: {2}, 2: {1}})
    judge = told([([1], 15.0), ([2], 16.0)])
    for seed in range(50):
        assert not {1, 2} <= judge.plan(3, ties, Random(seed))
    assert len(judge.best([], ties)) == 1


def test_what_an_idea_needs_comes_with_it() -> None:
    ties = Ties(requires={2: {1}, 3: {2}})
    judge = told([([1], 10.0), ([1, 2], 15.0)])
    assert judge.plan(3, ties, Random(0)) >= {1, 2, 3}
    assert judge.best([], ties) == [1, 2]  # The first does nothing, but the second cannot be without it.
    lost = told([([1], 5.0), ([1, 2], 10.0)])
    assert lost.best([], ties) == []  # Together they are worth nothing.
    assert lost.hopeless(ties) == []  # The second may yet save the first.


def test_what_is_settled_stays_and_makes_room() -> None:
    judge = told([(list(range(1, number + 1)), 10.0 + 5 * number) for number in range(1, 111)])
    kept = judge.best([], Ties())
    assert len(kept) == 110
    surest = judge.surest(kept, Ties())
    assert surest == list(range(1, 15))
    gains = [judge.gain(idea).mean for idea in kept]
    expected = judge.expected(kept)
    judge.settle(surest)
    assert len(judge.open) == 96
    assert judge.best(kept, Ties()) == kept
    assert [judge.gain(idea).mean for idea in kept] == pytest.approx(gains)
    assert judge.expected(kept) == pytest.approx(expected)
    assert judge.plan(200, Ties(), Random(0)) >= set(surest)
    assert not judge.plan(200, Ties(excludes={40: {3}, 3: {40}}), Random(0)) & {40}


def test_an_exact_metric_is_not_its_business() -> None:
    with pytest.raises(ValueError, match="exact"):
        Judge("lower", [1.0, 1.0, 1.0])


ideas = st.lists(st.integers(1, 6), min_size=0, max_size=4, unique=True)
stories = st.lists(st.tuples(ideas, st.floats(5, 15)), max_size=15)


@given(stories)
def test_lower_and_higher_mirror_each_other(story: Story) -> None:
    higher = told(story)
    lower = told([(inside, -value) for inside, value in story], [-value for value in BASELINE], "lower")
    assert verdicts(higher) == verdicts(lower)


@given(stories, st.sampled_from([1000.0, 1e-3, 60.0, 1e6]))
def test_units_do_not_matter(story: Story, unit: float) -> None:
    scaled = told([(inside, value * unit) for inside, value in story], [value * unit for value in BASELINE])
    judge = told(story)
    assert verdicts(judge) == verdicts(scaled)
    assert [judge.gain(idea).mean * unit for idea in judge.open] == pytest.approx(
        [scaled.gain(idea).mean for idea in scaled.open], rel=1e-6, abs=1e-9 * unit
    )


@given(stories)
def test_adding_an_exact_tie_never_keeps(story: Story) -> None:
    judge = told(story)
    kept = judge.best([], Ties())
    judge.observe([*kept, 99], judge.expected(kept))
    assert 99 not in judge.best(kept, Ties())


usual = st.floats(9.7, 10.3)  # Beyond three standard deviations a run is an outlier, and cut to what came before.


@given(st.lists(st.tuples(ideas, usual), max_size=10), usual, usual)
def test_the_order_within_a_pair_does_not_matter(story: Story, without: float, within: float) -> None:
    kept = told(story).best([], Ties())
    pair: Story = [(kept, without), ([*kept, 99], within)]
    one = told([*story, ([*kept, 99], within), *pair])
    other = told([*story, ([*kept, 99], within), *reversed(pair)])
    assert one.chance(99) == pytest.approx(other.chance(99), abs=0.1)


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.lists(finite, min_size=2, max_size=6, unique=True),
    st.lists(st.tuples(ideas, finite), max_size=12),
    st.sampled_from(["lower", "higher"]),
)
def test_no_finite_number_raises(baseline: list[float], story: Story, direction: str) -> None:
    judge = told(story, baseline, direction)
    kept, lost = verdicts(judge)
    for idea in judge.open:
        assert 0 <= judge.chance(idea) <= 1
        judge.gain(idea)
        judge.duel(idea, frozenset(kept) - {idea})
    judge.drop(lost)
    judge.plan(100, Ties(), Random(0))
