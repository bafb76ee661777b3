"""What does it cost to have several experiments under way at once, each begun before the others are known?

    OPENBLAS_NUM_THREADS=1 python benchmarks/judge/parallel.py [--nights 3] [--first 0]

The night has as many runs however many slots make them. Each takes a time of its own (10 % jitter, by a virtual
clock); a slot that gets free begins the next idea on what is known then. For each number of slots: the true gain,
beside that of one slot in the same night (the mean of the differences and its 95 % interval, in percent of one slot's
gain), false keeps, claimed divided by true gain, and ideas tried.
"""

from __future__ import annotations

import argparse
import heapq
import math
from collections.abc import Callable, Generator
from functools import partial
from random import Random
from statistics import fmean, stdev

from rules import MOST_DUEL_RUNS, Outcome, Result, judge_of, result_of
from simulate import title
from world import Night, OutOfRunsError, Version, World

from overnight.judge.judge import KEPT, Judge
from overnight.judge.ties import Ties

SLOTS = (1, 2, 4, 8)
JITTER = 0.1
"""Standard deviation of a run's time, of its mean."""
NOISY = [World(p_good, sigma) for p_good in (0.03, 0.15) for sigma in (0.3, 1.0, 3.0)]
EXACT = [World(p_good, 0.0) for p_good in (0.03, 0.15)]
Order = tuple[Version, int | None]
"""What a run is to hold, and on which seed it is made, where that matters."""
Course = Generator[Order | int, float]
"""One experiment: asks for runs and is told what they gave, or waits, in no slot, for another one's verdict."""


class Combined:
    """Overnight's judge of noise, asked as the loop asks it."""

    def __init__(self, night: Night) -> None:
        self.night = night
        self.judge = self._judge_of(night)
        self.random = Random(night.seed)
        self.kept: list[int] = []
        self.under_way: set[int] = set()

    @staticmethod
    def _judge_of(night: Night) -> Judge:
        judge = judge_of(night)
        assert judge is not None, "these worlds are noisy"
        return judge

    def idea(self) -> int:
        """What is tried next."""
        return self.night.idea()

    def course(self, idea: int) -> Course:
        """One run among others, and another one where the noise is to be known better."""
        judge, ties = self.judge, Ties()
        self.under_way.add(idea)
        version = judge.plan(idea, ties, self.random)
        self.learn(version, (yield version, None), idea)
        if judge.wants_repeat(idea):
            self.learn(version, (yield version, None), idea)
        self.under_way.remove(idea)
        judge.finish(idea)
        self.kept = judge.best(self.kept, ties, but=self.under_way)
        judge.drop(set(judge.hopeless(ties, self.under_way)) - set(self.kept))
        judge.settle(judge.surest(self.kept, ties))

    def learn(self, version: Version, value: float, idea: int) -> None:
        """A run of the idea's experiment gave `value`."""
        self.judge.observe(version, value, experiment=idea)

    def outcome(self) -> Outcome:
        """What is kept in the morning."""
        kept = self.judge.best(self.kept, Ties(), at_last=True)
        return Outcome(frozenset(kept), sum(self.judge.gain(idea).mean for idea in kept))


class InTurns(Combined):
    """The same judge where no two ideas can be in one version, except that a new one stands on what is kept.

    An improvement beside which another one was kept is made again on top of that.
    """

    def __init__(self, night: Night) -> None:
        super().__init__(night)
        self.overtaken: list[int] = []

    def idea(self) -> int:
        """What is tried next: what was overtaken comes first."""
        return self.night.again(self.overtaken.pop(0)) if self.overtaken else super().idea()

    def course(self, idea: int) -> Course:
        """Runs of the idea and of what it stands on, in turns, until it is clear enough."""
        judge, base = self.judge, tuple(self.kept)
        self.under_way.add(idea)
        version: Version | None = frozenset([*base, idea])
        made = [0, 0]
        while version is not None:
            with_it = idea in version
            seed = idea * MOST_DUEL_RUNS + made[with_it]  # The n-th run of either has the same seed.
            made[with_it] += 1
            judge.observe(version, (yield version, seed), experiment=idea, seed=seed)
            version = version if judge.wants_repeat(idea) else judge.duel(idea, frozenset(base))
        self.under_way.remove(idea)
        judge.finish(idea)
        chosen = [number for number in judge.best(self.kept, Ties()) if number in self.kept or number == idea]
        if tuple(self.kept) != base:  # It was overtaken: what stands where it would is another's.
            chosen = [number for number in chosen if number != idea]
            if judge.chance(idea) >= KEPT:
                self.overtaken.append(idea)
        self.kept = chosen
        judge.drop(set(judge.open) - {*self.kept, *self.under_way})


class Exact:
    """One run decides where the metric repeats exactly; winners that were overtaken stand in line."""

    def __init__(self, night: Night) -> None:
        self.idea = night.idea
        self.best = Outcome()
        self.line: dict[int, Outcome] = {}
        """Winners that have no verdict yet, each with the version in which it is measured on top of the one before."""

    def course(self, idea: int) -> Course:
        """A run on the incumbent known now; a winner that was overtaken is run again on top of the last in line."""
        before = self.best
        value = yield before.kept | {idea}, None
        while value > before.claimed and (self.line or before is not self.best):
            ahead = next(reversed(self.line), None)
            before = self.line[ahead] if ahead is not None else self.best
            self.line[idea] = Outcome(before.kept | {idea})
            value = yield self.line[idea].kept, None
            self.line[idea].claimed = value
            if ahead is not None and ahead in self.line:
                yield ahead
            del self.line[idea]
            if before.kept == self.best.kept:
                break
        if value > before.claimed:
            self.best = Outcome(before.kept | {idea}, value)

    def outcome(self) -> Outcome:
        """What is kept in the morning."""
        return self.best


class Batched(Exact):
    """Not what Overnight does: winners that were overtaken wait until they are so many, and share one run."""

    def __init__(self, night: Night, least: int) -> None:
        super().__init__(night)
        self.least = least
        self.pool: list[int] = []
        self.is_measuring = False

    def course(self, idea: int) -> Course:
        """A run on the incumbent known now; then perhaps one of all that wait. Here, all go together."""
        before = self.best
        value = yield before.kept | {idea}, None
        if value <= before.claimed:
            return
        if before is self.best and not self.pool and not self.is_measuring:
            self.best = Outcome(before.kept | {idea}, value)
            return
        self.pool.append(idea)
        while len(self.pool) >= self.least and not self.is_measuring:
            together, self.pool, self.is_measuring = self.best.kept | set(self.pool), [], True
            value = yield together, None
            self.best, self.is_measuring = Outcome(together, value), False


Rule = Callable[[Night], Combined | Exact]


def play(rule: Rule, night: Night, slots: int) -> Outcome:
    """A night in which up to `slots` experiments are under way."""
    crew, clock = rule(night), Random(f"clock {night.seed}")
    ends: list[tuple[float, int, int, Course, float]] = []
    waiting: dict[int, list[tuple[int, Course]]] = {}
    """Courses that wait for a verdict, by the idea that it is on."""
    free, count = slots, 0

    def go_on(now: float, idea: int, course: Course, value: float | None) -> None:
        """Let a course begin its next run (whose value nobody knows before it ends), or wait, or end."""
        nonlocal free, count
        try:
            order = next(course) if value is None else course.send(value)
            if isinstance(order, int):
                waiting.setdefault(order, []).append((idea, course))
                return
            result = night.measure(*order)
        except StopIteration:
            for other, waits in waiting.pop(idea, []):
                go_on(now, other, waits, None)
        except OutOfRunsError:  # Its next run would come after the morning.
            return
        else:
            free, count = free - 1, count + 1
            heapq.heappush(ends, (now + max(clock.gauss(1, JITTER), 0.1), count, idea, course, result))

    now = 0.0
    while True:
        while free and night.runs < night.world.budget:
            idea = crew.idea()
            go_on(now, idea, crew.course(idea), None)
        if not ends:
            return crew.outcome()
        now, _, idea, course, value = heapq.heappop(ends)
        free += 1
        go_on(now, idea, course, value)


def result(rule: Rule, world: World, seed: int, slots: int) -> Result:
    """One night, from the evening to the morning."""
    night = Night(world, seed)
    return result_of(night, play(rule, night, slots))


def line(slots: int, nights: list[Result], alone: list[Result]) -> str:
    """One line of the table."""
    gain, gain_alone = (fmean(each.gain for each in results) for results in (nights, alone))
    more = [each.gain - other.gain for each, other in zip(nights, alone, strict=True)]
    reach = 1.96 * stdev(more) / math.sqrt(len(more)) if len(more) > 1 else math.nan
    beside = f"{100 * fmean(more) / gain_alone:+.1f} ± {100 * reach / gain_alone:.1f} %" if slots > 1 else ""
    kept = sum(each.kept for each in nights)
    false = sum(each.false for each in nights) / kept if kept else 0.0
    claimed = sum(each.claimed for each in nights) / (gain * len(nights)) if gain > 0 else math.nan
    ideas = fmean(each.ideas for each in nights)
    return f"{slots:5} {gain:10.2f} {beside:>16} {false:11.0%} {claimed:13.2f} {ideas:7.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Several experiments at once, beside one after the other.")
    parser.add_argument("--nights", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="the first night's seed")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.nights)
    tables: list[tuple[str, Rule, list[World]]] = [
        ("many ideas in one run", Combined, NOISY),
        ("in turns with the incumbent", InTurns, NOISY[1::3]),
        ("exact", Exact, EXACT),
        ("exact, winners of a moment in one run", partial(Batched, least=1), EXACT[1:]),
        ("exact, three winners in one run", partial(Batched, least=3), EXACT[1:]),
    ]
    for name, rule, worlds in tables:
        for world in worlds:
            print(f"\n{title(world)}: {name}, {len(seeds)} nights")
            print("slots  true gain  beside one slot false keeps  claimed/true   ideas")
            alone: list[Result] = []
            for slots in SLOTS:
                nights = [result(rule, world, seed, slots) for seed in seeds]
                alone = alone or nights
                print(line(slots, nights, alone), flush=True)


if __name__ == "__main__":
    main()
