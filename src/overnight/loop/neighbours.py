"""Whether runs disturb each other: the baseline by itself, and beside as many others as there are slots.

What disturbs is unfair, since how busy the neighbours are is chance: an experiment could win because theirs had ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass

from overnight.fleet.local import LocalSlot
from overnight.fleet.shares import Share, shares_here
from overnight.fleet.slot import Task, Version
from overnight.goal.sections import GpuSlots
from overnight.judge.noise import Interval, pooled_noise, reach_of_mean
from overnight.ledger.records import Measured
from overnight.loop.repeats import mean, repeats_by_chance
from overnight.runs.output import of_the_run

_SLOWER = 1.1
"""How many times as long a run may take beside others."""


@dataclass(frozen=True)
class Beside:
    """What a run does beside others that it does not do by itself."""

    slots: int
    """How many ran, this one included."""
    slowdown: float
    """How many times as long it takes."""
    is_slower: bool
    """Whether that is too much, and no chance."""
    shift: float
    """By how much its metric is another, in the metric's unit."""
    moves: bool
    """Whether that is more than its noise."""
    failure: str | None = None
    """Why one gave no metric, if one did not."""

    @property
    def is_fair(self) -> bool:
        """Whether it makes no difference."""
        return not (self.is_slower or self.moves or self.failure)


@dataclass(frozen=True)
class Rehearsal:
    """How the baseline is run by itself and beside others."""

    make_slot: Callable[[int, Share], LocalSlot]
    version: Version
    is_comparison: bool
    seeds: Sequence[int]

    def alone(self, share: Share) -> Measured:
        """A run by itself."""
        with closing(self.make_slot(0, share)) as slot:
            return self._measure(slot)

    def together(self, shares: Sequence[Share]) -> list[Measured]:
        """A run in every slot, all at once."""
        with ExitStack() as stack, ThreadPoolExecutor(len(shares)) as threads:
            slots = [stack.enter_context(closing(self.make_slot(*each))) for each in enumerate(shares)]
            list(threads.map(lambda slot: slot.audit(self.version), slots))  # Copies are made before, not meanwhile.
            return list(threads.map(self._measure, slots))

    def _measure(self, slot: LocalSlot) -> Measured:
        seed = self.seeds[slot.number % len(self.seeds)]
        return slot.measure(Task(self.version, 0, "baseline", seed, self.version if self.is_comparison else None))


def look_beside(shares: Sequence[Share], alone: Sequence[Measured], rehearsal: Rehearsal) -> Iterator[Beside]:
    """What neighbours do: with all slots at work; where that is unfair, also with half as many, each with more.

    `alone` are runs by themselves in the first of the `shares`. Takes the time of three runs at most. Raises
    Interrupted and Trouble as `LocalSlot.measure` does.
    """
    yield (all_of_them := compare(alone, alone, rehearsal.together(shares)))
    half = len(shares) // 2
    if all_of_them.is_fair or half < 2:
        return
    gpus = tuple(share.gpu for share in shares[:half] if share.gpu is not None)
    fewer = shares_here(GpuSlots(gpus=gpus) if gpus else half)
    yield compare(alone, [rehearsal.alone(fewer[0])], rehearsal.together(fewer))


def fair_slots(beside: Sequence[Beside]) -> int:
    """The most slots that were seen to be fair; one always is."""
    return max((each.slots for each in beside if each.is_fair), default=1)


def compare(repeats: Sequence[Measured], alone: Sequence[Measured], beside: Sequence[Measured]) -> Beside:
    """What runs `beside` each other are against those `alone`; by how much runs differ anyway, `repeats` say."""
    slower = _change(_seconds(repeats), _seconds(alone), _seconds(beside))
    slowdown = 1 + slower.mean / mean(_seconds(alone))
    failure = next((_failure(run) for run in (*alone, *beside) if run.outcome != "ok"), None)
    if failure is not None:
        return Beside(len(beside), slowdown, False, 0.0, False, failure)
    moved = _change(_values(repeats), _values(alone), _values(beside))
    is_exact = len(set(_values(repeats))) == 1 and not repeats_by_chance(repeats)
    return Beside(
        slots=len(beside),
        slowdown=slowdown,
        is_slower=slowdown > _SLOWER and slower.low > 0,
        shift=moved.mean,
        moves=set(_values(beside)) != set(_values(alone)) if is_exact else not moved.low <= 0 <= moved.high,
    )


def _change(repeats: Sequence[float], alone: Sequence[float], beside: Sequence[float]) -> Interval:
    """By how much the mean is another, with its interval."""
    change = mean(beside) - mean(alone)
    reach = reach_of_mean(pooled_noise([repeats, beside]), 1 / (1 / len(alone) + 1 / len(beside)))
    return Interval(change, change - reach, change + reach)


def _failure(run: Measured) -> str:
    """Why it gave no metric, and the last that it said."""
    return ": ".join(filter(None, [run.reason, *of_the_run(run.output_tail).splitlines()[-1:]]))


def _seconds(runs: Sequence[Measured]) -> list[float]:
    return [run.wall_seconds + run.scoring_seconds for run in runs]


def _values(runs: Sequence[Measured]) -> list[float]:
    """The metrics; of comparisons, the differences that decide."""
    return [(run.value or 0.0) - (run.rival or 0.0) for run in runs]
