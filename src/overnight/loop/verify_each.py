"""What does each kept change add? The best version measured again with some of its changes left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from overnight.errors import SessionError
from overnight.goal.settings import Settings
from overnight.judge.factorial import Trial, halves, leave_one_out, main_effects
from overnight.judge.noise import Interval
from overnight.judge.ties import Ideas, Ties
from overnight.ledger.records import Part, VerifiedEach
from overnight.ledger.store import Recorder
from overnight.loop.again import measuring_again
from overnight.loop.events import RunFinished, RunStarted
from overnight.loop.repeats import seems_exact
from overnight.loop.seeds import seeds_for
from overnight.loop.state import State
from overnight.loop.weaving import version_of, weave_of

_SPARE_ROUNDS = 4
"""Pairs of runs beyond one for each change, from which the noise is known."""


@dataclass(frozen=True)
class EachVerified:
    """The last event: what it says is in the ledger."""

    verified: VerifiedEach


def verify_each(
    state: State, session: str | None, *, should_stop: Callable[[], bool]
) -> Iterator[RunStarted | RunFinished | EachVerified]:
    """Measure what each kept change adds and write it down.

    Exact metrics take one run for each change; noisy ones about two, in halves and their complements on the same seeds.
    Raises SessionError when nothing is kept, Interrupted when asked to stop.
    """
    with measuring_again(state, session, should_stop) as again:
        history = again.history
        numbers = [judged.number for judged in again.kept]
        weave = weave_of(again.origin, history, numbers)
        weave.remove(set(weave.ideas) - set(numbers))
        ties = Ties(weave.requires(), weave.excludes())
        seeds = _fresh_seeds(history, again.started.seed, len(numbers) + _SPARE_ROUNDS)
        if seems_exact(history):
            plan = [(seeds[0], version) for version in leave_one_out(numbers, ties)]
        else:
            pairs = halves(numbers, ties, len(seeds), Random(seeds[0]))
            plan = [(seed, version) for seed, pair in zip(seeds, pairs, strict=True) for version in pair]
        whole = version_of(again.origin, weave, numbers) if again.settings.compare else None
        trials: list[Trial] = []
        for place, (seed, inside) in enumerate(plan, start=1):
            words = f"run {place} of {len(plan)}, with {len(inside)} of {len(numbers)} changes"
            version = version_of(again.origin, weave, inside)
            measured = yield from again.measure(
                version, numbers[-1], "verify_part", seed, words, inside=tuple(sorted(inside)), rival=whole
            )
            if measured.value is not None:  # What crashes without a change says nothing of how much it adds.
                trials.append(_trial(again.settings, inside, seed, measured.value - (measured.rival or 0.0)))
        if not trials:
            raise SessionError("every run failed, so nothing was concluded; `overnight show` has their output")
        effects = main_effects(trials, numbers)
        verified = VerifiedEach(
            best_commit=again.kept[-1].commit or "",
            command=again.command,
            runs=len(trials),
            parts=tuple(_part(number, effects[number]) for number in numbers),
        )
        history.append(verified)
        yield EachVerified(verified)


def _fresh_seeds(history: Recorder, session_seed: int, count: int) -> list[int]:
    """Seeds that nobody has used: those of very negative numbers, which neither experiments nor `verify` have."""
    start = -1_000_000 * (1 + history.count("verified_each"))
    blocks = (seeds_for(session_seed, start - block) for block in range(count))
    return [seed for block in blocks for seed in block][:count]


def _trial(settings: Settings, inside: Ideas, seed: int, value: float) -> Trial:
    return Trial(inside, seed, -value if settings.direction == "lower" else value)


def _part(number: int, effect: Interval | None) -> Part:
    if effect is None or not math.isfinite(effect.high):
        return Part(number=number, gain=None, gain_low=None, gain_high=None)
    return Part(number=number, gain=effect.mean, gain_low=effect.low, gain_high=effect.high)
