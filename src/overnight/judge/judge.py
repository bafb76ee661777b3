"""Keep or discard under noise: every run holds many ideas, so that it is evidence about all of them.

A run holds one new idea, nearly all that are proven, and a random share of those that are still open. Hardly anything
is run only to be confirmed. Where ideas cannot be combined, the new one and the incumbent are run again in turns
instead, until it is clear which is better. What is known of each idea, `beliefs.py` says.

Pure: numbers in, verdicts out. The same runs in the same order give the same verdicts, so a killed session goes on
where it was by being told them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from random import Random

from overnight.judge.beliefs import Beliefs
from overnight.judge.course import Course
from overnight.judge.effects import NONE, Run
from overnight.judge.ties import Ideas, Ties

BASELINE_RUNS = 5
"""Runs of the baseline where the first `EXACT_RUNS` of them differ."""
EXACT_RUNS = 3
HOPELESS = 0.02
"""Chance to be an improvement below which an idea is dropped for good."""
TAKEN_BACK, KEPT, PROVEN = 0.4, 0.7, 0.95
"""A keep goes back below the first; an idea is kept from the second on, and no longer provisional from the third."""
KEPT_AT_LAST = 0.6
"""From here on an idea is kept when the night is over and no more can be learned of it."""
MOST_DUEL_RUNS = 12
"""Runs of an experiment whose idea cannot be combined with others, after which it stays undecided."""
_DUEL_WON = 0.95
_DUEL_PROMISE = 2.0
"""An idea is run again by itself while it promises this many times what a new idea does."""
_DOUBTFUL, _NEARLY_SURE = 0.1, 0.98
_OPEN_BEFORE_SETTLING, _SETTLED = 96, 0.999
"""With more open ideas than this, kept ones of at least this chance are taken for granted."""
_MOST_OPEN = 160
"""Open ideas beyond which the least promising is dropped."""


class Judge(Beliefs):
    """What is to be run next, and what is to be kept, on all that is believed so far."""

    def plan(self, idea: int, ties: Ties, random: Random) -> Ideas:
        """The version for a new idea's first run: what it needs, and of the others as many as fit and luck picks."""
        own = ties.closure([idea])
        version = {*(self._settled.keys() - ties.barred_by(own, self._settled)), *own}
        others = list(self._effects.ideas)
        random.shuffle(others)
        for other in others:
            if other not in version and random.random() < self._share(other):
                more = ties.closure([other]) - version if other in ties.requires else {other}
                if more <= self._chances.keys() and ties.fit(more, version):
                    version |= more
        return frozenset(version)

    def _share(self, idea: int) -> float:
        """The share of runs that an idea is to be in. Half tells most where noise is as large as effects.

        The smaller it is, the less is gained by company, and real ideas interact: then what is doubtful is rarely in,
        and what is kept is rarely left out.
        """
        chance, noisy = self._chances[idea], min(1.0, self._effects.sd / self._prior.size)
        if chance < KEPT:
            return (0.3 if chance < _DOUBTFUL else 0.5) * noisy
        return 1 - 0.5 * noisy if chance < PROVEN else 0.9 if chance < _NEARLY_SURE else 0.98

    def rival(self, kept: Iterable[int], ties: Ties, random: Random) -> Ideas:
        """The version to compare a new idea's first one with, side by side: of what is kept, as much as luck picks."""
        version: set[int] = set(self._settled)
        for idea in kept:
            if idea not in version and random.random() < self._share(idea):
                version |= ties.closure([idea])
        return frozenset(version)

    def duel(self, idea: int, kept: Ideas) -> Ideas | None:
        """The next version to run for an idea that cannot ride along with others; None when it is clear enough.

        Either the incumbent or the incumbent with the idea, whichever tells more about the idea; always the latter
        where each run compares it with the incumbent side by side. A run is expected to be on the seed of the first
        run of the other that has no counterpart yet.
        """
        chance = self._chances[idea]
        fresh = self._prior.good * self._prior.size  # What a new idea brings on average, if its kind is found out.
        promises = chance > _DOUBTFUL if self.tolerates(idea) else self.belief(idea).promise() >= _DUEL_PROMISE * fresh
        if self._runs[idea] >= MOST_DUEL_RUNS or chance > _DUEL_WON or not promises:
            return None
        rival = kept | {idea}
        if self._side_by_side:
            return rival
        course = self._courses.get(idea, Course())
        with_it = next((run for run in course.unpaired.values() if idea in run.inside), None)
        without_it = next((run for run in course.unpaired.values() if idea not in run.inside), None)
        without = self._effects.told(idea, Run(kept, 0.0), with_it)
        within = self._effects.told(idea, Run(rival, 0.0), without_it)
        return kept if without > within else rival

    def surest(self, kept: Iterable[int], ties: Ties) -> list[int]:
        """The kept ideas to be settled now: those beyond doubt, the oldest first, once many ideas are open."""
        found: list[int] = []
        for idea in sorted(self._chances.keys() & set(kept)):
            if len(self._chances) - len(found) <= _OPEN_BEFORE_SETTLING:
                break
            if self._chances[idea] < _SETTLED:
                continue
            if all(need == idea or need in self._settled or need in found for need in ties.closure([idea])):
                found.append(idea)
        return found

    def hopeless(self, ties: Ties, under_way: Set[int] = NONE) -> list[int]:
        """The open ideas to drop: without a chance, and needed by none that has one.

        Those whose experiment is `under_way` have a chance yet, open or not.
        """
        lost = {idea for idea, chance in self._chances.items() if chance < HOPELESS and idea not in under_way}
        if len(self._chances) - len(lost) > _MOST_OPEN:
            spared = lost | under_way
            lost.add(min((idea for idea in self._chances if idea not in spared), key=self._chances.__getitem__))
        while needed := lost & ties.needed_by((self._chances.keys() - lost) | under_way):
            lost -= needed
        return sorted(lost)

    def best(self, kept: Sequence[int], ties: Ties, *, but: Iterable[int] = NONE, at_last: bool = False) -> list[int]:
        """The ideas that should be kept now, in the order in which they were: those so far, then the new ones `but`
        for some that are not to be."""
        enough, barred = KEPT_AT_LAST if at_last else KEPT, frozenset(but)
        chosen: dict[int, None] = {}  # In order, and quick to look up.
        fresh = sorted(self._chances.keys() - {*kept, *barred}, key=lambda idea: -self._chances[idea])
        for idea in kept:
            if idea in self._settled:
                chosen[idea] = None
            elif self._chances[idea] >= (KEPT_AT_LAST if at_last else TAKEN_BACK):
                self._choose(idea, chosen, ties, barred)
        for idea in fresh:
            if self._chances[idea] < enough:
                break
            self._choose(idea, chosen, ties, barred)
        return list(chosen)

    def _choose(self, idea: int, chosen: dict[int, None], ties: Ties, barred: Ideas) -> None:
        """Add an idea and what it needs, unless that is worth nothing, or does not fit."""
        needs = {need for need in ties.closure([idea]) if need not in chosen}
        if needs & barred or not all(need in self._chances or need in self._settled for need in needs):
            return
        if not ties.fit(needs, chosen):
            return
        if len(needs) > 1 and sum(self.gain(each).mean for each in needs) <= 0:
            return
        chosen.update(dict.fromkeys(sorted(needs)))
