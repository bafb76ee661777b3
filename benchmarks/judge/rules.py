"""The rules side by side. Each plays one night and says what it kept and how much better it claims to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random
from statistics import fmean, stdev

from world import Night, OutOfRunsError, Version

from overnight.judge.judge import BASELINE_RUNS, EXACT_RUNS, MOST_DUEL_RUNS, Judge
from overnight.judge.ties import Ties

NOBODY: Version = frozenset()


@dataclass
class Outcome:
    """What a rule ends the night with."""

    kept: Version = NOBODY
    claimed: float = 0.0
    """How much better than the baseline it says to be."""


@dataclass(frozen=True)
class Result:
    """How one night ended, by what is true of it."""

    gain: float
    false: int
    """Keeps that are no improvements."""
    kept: int
    claimed: float
    runs: int
    ideas: int


def result_of(night: Night, outcome: Outcome) -> Result:
    """What a rule's outcome comes to."""
    false = sum(night.effects[number] <= 0 for number in outcome.kept)
    gain, ideas = night.truth(outcome.kept), len(night.effects)
    return Result(gain, false, len(outcome.kept), outcome.claimed, night.runs, ideas)


Rule = Callable[[Night], Outcome]


@contextmanager
def until_morning() -> Iterator[None]:
    """Let the end of the budget break off whatever is going on."""
    with suppress(OutOfRunsError):
        yield


def greedy(night: Night) -> Outcome:
    """karpathy/autoresearch: one run each, kept when it beats the best run so far."""
    return _against_a_record(night, margin_sds=0.0)


def margin(night: Night) -> Outcome:
    """Its pull request 560: better than the record by two standard deviations of three baseline runs."""
    return _against_a_record(night, margin_sds=2.0)


def _against_a_record(night: Night, margin_sds: float) -> Outcome:
    outcome = Outcome()
    with until_morning():
        baseline = [night.baseline() for _ in range(3 if margin_sds else 1)]
        start = record = fmean(baseline)
        needed = margin_sds * stdev(baseline) if margin_sds else 0.0
        while True:
            candidate = outcome.kept | {night.idea()}
            value = night.measure(candidate)
            if value > record + needed:
                outcome, record = Outcome(candidate, value - start), value
    return outcome


def labloop(night: Night) -> Outcome:
    """labloop: better by one standard deviation, twice; the record becomes the weaker of the two runs."""
    outcome = Outcome()
    with until_morning():
        baseline = [night.baseline() for _ in range(3)]
        start = record = fmean(baseline)
        needed = stdev(baseline)
        while True:
            candidate = outcome.kept | {night.idea()}
            first = night.measure(candidate)
            if first <= record + needed:
                continue
            second = night.measure(candidate)
            if second > record + needed:
                record = min(first, second)
                outcome = Outcome(candidate, record - start)
    return outcome


def three_repeats(night: Night) -> Outcome:
    """Everything measured three times, the mean kept when it beats the best mean."""
    outcome = Outcome()
    with until_morning():
        start = record = fmean(night.baseline() for _ in range(3))
        while True:
            candidate = outcome.kept | {night.idea()}
            value = fmean([night.measure(candidate) for _ in range(3)])
            if value > record:
                outcome, record = Outcome(candidate, value - start), value
    return outcome


def judge_of(night: Night) -> Judge | None:
    """The judge, who knows the baseline; None where the metric repeats exactly, so that one run decides."""
    baseline = [night.baseline() for _ in range(EXACT_RUNS)]
    if min(baseline) == max(baseline):
        return None
    return Judge("higher", baseline + [night.baseline() for _ in range(BASELINE_RUNS - EXACT_RUNS)])


def overnight(night: Night) -> Outcome:
    """Overnight's judge, asked as the loop asks it."""
    judge = judge_of(night)
    if judge is None:
        return greedy(night)
    kept: list[int] = []
    for kept in decisions(night, judge):  # noqa: B007 - the last one counts
        pass
    return _claim(judge, judge.best(kept, Ties(), at_last=True))


def decisions(night: Night, judge: Judge) -> Iterator[list[int]]:
    """What is kept after each experiment of a night, until the budget is spent."""
    random, ties = Random(night.seed), Ties()
    kept: list[int] = []
    with until_morning():
        while True:
            version = judge.plan(night.idea(), ties, random)
            judge.observe(version, night.measure(version))
            if judge.wants_repeat():
                judge.observe(version, night.measure(version))
            kept = judge.best(kept, ties)
            judge.drop(set(judge.hopeless(ties)) - set(kept))
            judge.settle(judge.surest(kept, ties))
            yield kept


def one_at_a_time(night: Night) -> Outcome:
    """The same judge where no two open ideas can be combined, as when every proposal changes the same line."""
    judge = judge_of(night)
    if judge is None:
        return greedy(night)
    kept: list[int] = []
    with until_morning():
        while True:
            idea = night.idea()
            version: Version | None = frozenset([*kept, idea])
            made = [0, 0]
            while version is not None:
                with_it = idea in version
                seed = idea * MOST_DUEL_RUNS + made[with_it]  # The n-th run of either has the same seed.
                made[with_it] += 1
                judge.observe(version, night.measure(version, seed), experiment=idea, seed=seed)
                version = version if judge.wants_repeat(idea) else judge.duel(idea, frozenset(kept))
            kept = [number for number in judge.best(kept, Ties()) if number in kept or number == idea]
            judge.drop(set(judge.open) - set(kept))
    return _claim(judge, kept)


def _claim(judge: Judge, kept: list[int]) -> Outcome:
    return Outcome(frozenset(kept), sum(judge.gain(idea).mean for idea in kept))


RULES: dict[str, Rule] = {
    "greedy": greedy,
    "margin 2σ": margin,
    "labloop": labloop,
    "3 repeats": three_repeats,
    "overnight": overnight,
    "one at a time": one_at_a_time,
}
