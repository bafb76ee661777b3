"""Many candidates under way at once where the metric repeats exactly, in any order, with kills in between.

The repository, the ledger and the courses are real; a run is an evaluation of what the commit holds.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from random import Random

import pytest

from overnight.fleet.slot import Task, Version
from overnight.ledger.records import Carried, Judged, Measured, Proposed
from overnight.loop.crew import InSlot, Work
from overnight.loop.experiment import Experimenter
from overnight.loop.project import Project
from tests.checkout import Checkout
from tests.loop.workbench import Workbench

IDEAS = 14
ABREAST = 4
KILLS = 3
LINES = 2 * IDEAS + 2


@dataclass
class World:
    """What ideas do, alone and together. An idea's number stands on its line; to git, neighbouring lines conflict."""

    effects: list[int]
    clashes: dict[frozenset[int], int]
    broken: frozenset[int]
    """Ideas that no guard lets pass."""
    crashes: frozenset[frozenset[int]]
    lines: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, random: Random) -> World:
        pairs = list(map(frozenset, itertools.combinations(range(1, IDEAS + 1), 2)))
        return cls(
            [0, *(random.choice([-2, -1, 0, 1, 2, 3, 5]) for _ in range(IDEAS))],
            {pair: random.choice([-4, -1, 2, 6]) for pair in random.sample(pairs, 25)},
            frozenset(random.sample(range(1, IDEAS + 1), 2)),
            frozenset(random.sample(pairs, 4)),
            [0, *(2 * random.randrange(1, 9 if number % 3 == 0 else IDEAS + 1) for number in range(1, IDEAS + 1))],
        )

    def loss(self, held: frozenset[int]) -> float | None:
        """None where it crashes."""
        if any(pair <= held for pair in self.crashes):
            return None
        return 100 - sum(self.effects[n] for n in held) - sum(v for pair, v in self.clashes.items() if pair <= held)


class Reckoner:
    """A slot in which a run takes no time."""

    number = 0

    def __init__(self, project: Project, world: World) -> None:
        self._project = project
        self._world = world

    def held(self, commit: str) -> frozenset[int]:
        """The ideas in a version."""
        text = self._project.edit_files(commit)["ideas.py"].decode()
        return frozenset(int(line) for line in text.split() if line != "0")

    def measure(self, task: Task) -> Measured:
        value = self._world.loss(self.held(task.version.commit))
        return Measured(
            number=task.number,
            role=task.role,
            commit=task.version.commit,
            fingerprint=task.version.fingerprint,
            seed=task.seed,
            outcome="crash" if value is None else "ok",
            reason="it does not run" if value is None else "",
            value=value,
        )

    def broken_guard(self, version: Version, metrics: Mapping[str, float] | None) -> str | None:
        return "a guard does not hold" if self.held(version.commit) & self._world.broken else None

    def audit(self, version: Version) -> None: ...

    def close(self) -> None: ...


class Night(Workbench):
    """Experiments side by side, each step of any of them at any time."""

    def __init__(self, checkout: Checkout, stack: ExitStack, seed: int) -> None:
        self.random = Random(seed)
        self.world = World.of(self.random)
        super().__init__(checkout, stack, "", "0\n" * LINES)
        self.slot = self.reckoner = Reckoner(self.project, self.world)
        self.measure_baseline(3)
        self.experimenter = Experimenter(self.bench)
        self.waiting: list[Proposed] = []
        self.under_way: dict[int, tuple[InSlot[Proposed | None], object]] = {}

    def last(self) -> None:
        """Until every idea has a verdict."""
        kills = set(self.random.sample(range(20, 20 + 6 * IDEAS), KILLS))
        next_number = 1
        for step in itertools.count():
            assert step < 100 * IDEAS, "it never ends"
            if step in kills:
                self.killed()
            self.fill_slots()
            if len(self.under_way) < ABREAST and next_number <= IDEAS:
                self.waiting.append(self.propose(next_number, str(next_number), line=self.world.lines[next_number]))
                next_number += 1
            elif self.under_way:
                self.advance(self.random.choice(list(self.under_way)))
            elif not self.waiting:
                return

    def fill_slots(self) -> None:
        carried = [(each, self.experimenter.carried_over(each)) for each in self.waiting]
        for each, fits in carried:
            if fits is None:
                self.give_up(each)
        self.waiting = [fits for _, fits in carried if fits is not None]
        ready = [each for each in self.waiting if not self.experimenter.waits(each)]
        for each in ready[: ABREAST - len(self.under_way)]:
            self.waiting.remove(each)
            self.under_way[each.number] = self.experimenter.decide(each), None

    def advance(self, number: int) -> None:
        """One step of one experiment: until it waits for a run, or is at its end."""
        course, result = self.under_way[number]
        try:
            told = course.send(result)
            while not isinstance(told, Work):
                told = course.send(None)
        except StopIteration as end:
            del self.under_way[number]
            if end.value is not None and self.experimenter.waits(end.value):
                self.waiting.append(end.value)
            elif end.value is not None:
                self.give_up(end.value)
        else:
            self.under_way[number] = course, told.do(self.slot)

    def give_up(self, proposed: Proposed) -> None:
        """It would be proposed again; nothing that was measured is."""
        assert not self.history.runs(proposed.number)
        self.bench.of_nothing(proposed, "it does not fit any more")

    def killed(self) -> None:
        """What the ledger does not have is lost."""
        for course, _ in self.under_way.values():
            course.close()
        self.under_way.clear()
        self.experimenter = Experimenter(self.bench)
        self.waiting = self.history.undecided()


@pytest.mark.parametrize("seed", range(12))
def test_whatever_the_order_every_keep_was_measured_on_what_it_stands_on(checkout: Checkout, seed: int) -> None:
    with ExitStack() as stack:
        night = Night(checkout, stack, seed)
        night.last()
        history, world = night.history, night.world
        assert [judged.number for judged in history.judged_after(0)] == list(range(1, IDEAS + 1))
        for number in range(1, IDEAS + 1):
            prints = [run.fingerprint for run in history.runs(number) if run.role == "candidate"]
            assert len(prints) == len(set(prints)), "a run that was written down is not made again"
        parent, below = history.baseline(), frozenset[int]()
        assert parent is not None
        for keep in history.kept():
            assert night.project.repository.parent_and_message(keep.commit or "")[0] == parent.commit
            held = night.reckoner.held(keep.commit or "")
            assert keep.number in held
            before, after = world.loss(below), world.loss(held)
            assert before is not None
            assert after is not None
            assert (keep.before, keep.metric, keep.gain) == (before, after, before - after)
            assert after < before
            assert not held & world.broken
            parent, below = keep, held


def test_winners_do_stand_on_winners_that_have_no_verdict_yet(checkout: Checkout) -> None:
    with ExitStack() as stack:
        night = Night(checkout, stack, 0)
        night.last()
        decided = dict[int, int]()
        ahead = 0
        for event in night.history.events_after(0, 10_000):
            match event.record:
                case Judged() as judged:
                    decided[judged.number] = event.id
                case Carried() as carried:
                    ahead += any(number not in decided for number in carried.inside)
        assert ahead >= 3
