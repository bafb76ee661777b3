"""Keep or discard: a candidate races the incumbent, and gets another run only while it may still win.

Pure: what was measured goes in, the next step comes out. The loop does the step and asks again, so that a killed
session takes the race up exactly where it stood.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from overnight.judge.noise import Interval, Noise, mean_difference

MOST_PAIRS = 5
"""Pairs of fresh runs after which an undecided candidate is no proven improvement."""
_FEWEST_PAIRS = 2
_SCREEN_SDS = 0.5
SEEDS_WANTED = 1 + 2 * MOST_PAIRS
"""Seeds an experiment may use: one to screen, and spare ones for runs of the incumbent that fail."""


@dataclass(frozen=True)
class Evidence:
    """All that is known about one candidate and the incumbent it wants to replace."""

    direction: Literal["lower", "higher"]
    noise: Noise
    incumbent: float
    """The incumbent's level: its mean over all runs that count."""
    seeds: Sequence[int]
    """This experiment's seeds, `SEEDS_WANTED` of them: the first screens, the others are fresh for both versions."""
    candidate_runs: Mapping[int, float]
    """Seed → metric, of the candidate's runs so far."""
    incumbent_runs: Mapping[int, float | None]
    """Seed → metric, of the incumbent's runs in this experiment; None for one that failed."""


@dataclass(frozen=True)
class RunCandidate:
    """Measure the candidate (once more)."""

    seed: int


@dataclass(frozen=True)
class RunIncumbent:
    """Measure the incumbent again."""

    seed: int


@dataclass(frozen=True)
class Decision:
    """The race is over."""

    keep: bool
    reason: str
    gain: Interval
    """In the metric's unit; positive is better. From fresh pairs only, where there are any."""
    before: float
    """The incumbent's mean over the runs the gain comes from."""
    after: float
    """The candidate's mean over the same."""


def next_step(evidence: Evidence) -> RunCandidate | RunIncumbent | Decision:
    """What to do next about the candidate."""
    screening, fresh = evidence.seeds[0], evidence.seeds[1:]
    if screening not in evidence.candidate_runs:
        return RunCandidate(screening)
    first = evidence.candidate_runs[screening]
    gain = _gain(evidence, first, evidence.incumbent)
    if evidence.noise.is_exact or gain <= _SCREEN_SDS * evidence.noise.sd:
        return _by_one_run(evidence, first, gain)
    pairs = 0
    for index, seed in enumerate(fresh):
        missing = _missing_run(evidence, seed, incumbent_first=index % 2 == 0)
        if missing is not None:
            decision = _by_pairs(evidence, fresh) if pairs >= _FEWEST_PAIRS else None
            return decision or missing
        pairs += evidence.incumbent_runs[seed] is not None
        if pairs == MOST_PAIRS:
            break
    return _by_pairs(evidence, fresh, is_last=True) or _incumbent_fails(evidence)


def _missing_run(evidence: Evidence, seed: int, *, incumbent_first: bool) -> RunCandidate | RunIncumbent | None:
    """The run that completes the pair of `seed`; taking turns in who goes first, so that a drift cancels out."""
    needs_incumbent = seed not in evidence.incumbent_runs
    needs_candidate = seed not in evidence.candidate_runs and evidence.incumbent_runs.get(seed, 0.0) is not None
    if needs_incumbent and (incumbent_first or not needs_candidate):
        return RunIncumbent(seed)
    return RunCandidate(seed) if needs_candidate else None


def _by_one_run(evidence: Evidence, value: float, gain: float) -> Decision:
    """Decide without a second run: the metric is exact, or the candidate showed no promise."""
    if evidence.noise.is_exact:
        keep = gain > 0  # A tie is no improvement.
        words = "better by " + _number(gain) if keep else "a tie" if gain == 0 else "worse by " + _number(-gain)
        return Decision(keep, words, Interval(gain, gain, gain), evidence.incumbent, value)
    spread = evidence.noise.sd * math.sqrt(2)
    seen = f"worse by {_number(-gain)}" if gain < 0 else f"better by only {_number(gain)}"
    reason = f"one run was {seen}, where repeating the same version moves it by ±{_number(evidence.noise.sd)}"
    reach = Interval(gain, gain - 2 * spread, gain + 2 * spread)
    return Decision(False, reason, reach, evidence.incumbent, value)


def _by_pairs(evidence: Evidence, seeds: Sequence[int], *, is_last: bool = False) -> Decision | None:
    """The decision on complete pairs of fresh runs; None when another pair may still change it."""
    pairs = [
        (before, evidence.candidate_runs[seed])
        for seed in seeds
        if (before := evidence.incumbent_runs.get(seed)) is not None and seed in evidence.candidate_runs
    ]
    if not pairs:
        return None
    gain = mean_difference([_gain(evidence, after, before) for before, after in pairs], evidence.noise)
    bounds = f"{len(pairs)} fresh pairs of runs, 95 % interval {_number(gain.low)} to {_number(gain.high)}"
    before = math.fsum(before for before, _ in pairs) / len(pairs)
    after = math.fsum(after for _, after in pairs) / len(pairs)
    if gain.low > 0:
        return Decision(True, f"better by {_number(gain.mean)} ({bounds})", gain, before, after)
    if gain.mean <= 0:
        return Decision(False, f"the first run was luck: no better in {bounds}", gain, before, after)
    if is_last:
        return Decision(
            False, f"not proven: better by {_number(gain.mean)} on average, but {bounds}", gain, before, after
        )
    return None


def _incumbent_fails(evidence: Evidence) -> Decision:
    value = evidence.candidate_runs[evidence.seeds[0]]
    gain = _gain(evidence, value, evidence.incumbent)
    reason = "the incumbent failed every time it was measured again, so nothing can be compared"
    return Decision(False, reason, Interval(gain, -math.inf, math.inf), evidence.incumbent, value)


def _gain(evidence: Evidence, new: float, old: float) -> float:
    return old - new if evidence.direction == "lower" else new - old


def _number(value: float) -> str:
    return f"{value:.3g}"
