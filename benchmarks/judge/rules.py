"""The rules side by side. Each plays one night and says what it kept and how much better it claims to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import fmean, stdev

from world import Night, OutOfRunsError, Version

from overnight.judge.noise import pooled_noise
from overnight.judge.race import SEEDS_WANTED, Decision, Evidence, RunCandidate, next_step

NOBODY: Version = frozenset()


@dataclass
class Outcome:
    """What a rule ends the night with."""

    kept: Version = NOBODY
    claimed: float = 0.0
    """How much better than the baseline it says to be."""


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
        baseline = [night.measure(NOBODY) for _ in range(3 if margin_sds else 1)]
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
        baseline = [night.measure(NOBODY) for _ in range(3)]
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
        start = record = fmean(night.measure(NOBODY) for _ in range(3))
        while True:
            candidate = outcome.kept | {night.idea()}
            value = fmean([night.measure(candidate) for _ in range(3)])
            if value > record:
                outcome, record = Outcome(candidate, value - start), value
    return outcome


@dataclass
class _Kept:
    """A version on the branch and its runs, without the one that let it into the race."""

    version: Version
    runs: list[float] = field(default_factory=list)


def overnight(night: Night) -> Outcome:
    """Overnight's judge, asked as the loop asks it."""
    outcome = Outcome()
    with until_morning():
        stack = [_Kept(NOBODY, [night.measure(NOBODY) for _ in range(3)])]
        start = fmean(stack[0].runs)
        while True:
            incumbent = stack[-1]
            candidate = _Kept(incumbent.version | {night.idea()})
            decision = _race(night, stack, candidate)
            if decision.keep:
                stack.append(candidate)
                outcome = Outcome(candidate.version, decision.after - start)
    return outcome


def _race(night: Night, stack: list[_Kept], candidate: _Kept) -> Decision:
    incumbent = stack[-1]
    seeds = range(SEEDS_WANTED)
    candidates: dict[int, float] = {}
    incumbents: dict[int, float | None] = {}
    while True:
        noise = pooled_noise([kept.runs for kept in [stack[0], *stack[1:][-20:]]])
        evidence = Evidence("higher", noise, fmean(incumbent.runs), seeds, candidates, incumbents)
        step = next_step(evidence)
        if isinstance(step, Decision):
            return step
        if isinstance(step, RunCandidate):
            candidates[step.seed] = night.measure(candidate.version)
            if step.seed != seeds[0] or noise.is_exact:
                candidate.runs.append(candidates[step.seed])
        else:
            value = night.measure(incumbent.version)
            incumbents[step.seed] = value
            incumbent.runs.append(value)


RULES: dict[str, Rule] = {
    "greedy": greedy,
    "margin 2σ": margin,
    "labloop": labloop,
    "3 repeats": three_repeats,
    "overnight": overnight,
}
