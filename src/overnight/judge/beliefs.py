"""What the runs of a night say about its ideas: learned run by run, until an idea is dropped or taken for granted.

What an idea does is told apart from all else in the same runs by regression (`effects.py`), and how much evidence a
claim needs follows from what ideas have been like this night (`prior.py`).

Several experiments may be under way at once: between the planning of a run and the run's result, others bring theirs,
and ideas are dropped or taken for granted. What an experiment still needs is kept apart from the others'.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from overnight.judge.course import Course
from overnight.judge.effects import NONE, Effects, Run
from overnight.judge.noise import Interval, Noise, pooled_noise
from overnight.judge.prior import Belief, IdeasPrior
from overnight.judge.ties import Ideas

_REACH = 1.96
"""Standard deviations to either side that hold a normal with 95 %."""
_FARTHEST = 1e6
"""In standard deviations: whatever lies beyond is judged as if it were here."""


@dataclass(frozen=True)
class _Settled:
    """What was believed of an idea when it was taken for granted."""

    belief: Belief
    chance: float
    gain: Interval
    runs: int


class Beliefs:
    """All that the runs of a night say about its ideas. An idea is a number."""

    def __init__(
        self,
        direction: Literal["lower", "higher"],
        baseline: Sequence[float],
        noise: Noise | None = None,
        *,
        side_by_side: bool = False,
    ) -> None:
        """`baseline` are the values of its runs; `noise` is known better than from these where it is given.

        `side_by_side` says that each run compares two versions.

        Raises ValueError when nothing is known of the noise or it is zero: then one run decides.
        """
        noise = noise or pooled_noise([baseline])
        if not noise.sd > 0:
            raise ValueError("an exact metric needs no judge of noise")
        # Within, everything is told in standard deviations from the baseline, positive for the better, so that neither
        # the unit nor the direction can matter.
        self._unit = -noise.sd if direction == "lower" else noise.sd
        self._zero = baseline[0]
        self._baseline_runs = len(baseline)
        self._effects = Effects([self._inner(value) for value in baseline], Noise(1.0, noise.degrees))
        self._prior = IdeasPrior(1.0)
        self._runs: dict[int, int] = {}
        self._courses: dict[int, Course] = {}
        self._side_by_side = side_by_side
        self._tolerated: dict[int, float] = {}
        self._settled: dict[int, _Settled] = {}
        self._chances: dict[int, float] = {}

    @property
    def noise(self) -> float:
        """Standard deviation of one run."""
        return self._effects.sd * abs(self._unit)

    @property
    def good_share(self) -> float:
        """The share of ideas that are improvements, as far as this night has shown."""
        return self._prior.good

    @property
    def typical_size(self) -> float:
        """How large effects are on average, in the metric's unit."""
        return self._prior.size * abs(self._unit)

    @property
    def open(self) -> Sequence[int]:
        """Ideas that were run and not dropped."""
        return self._effects.ideas

    def runs(self, idea: int) -> int:
        """How many runs an open idea was in."""
        return self._settled[idea].runs if idea in self._settled else self._runs.get(idea, 0)

    def chance(self, idea: int) -> float:
        """The chance that an open idea is an improvement, or for a tolerated one, that it is not worse than allowed."""
        return self._settled[idea].chance if idea in self._settled else self._chances[idea]

    def belief(self, idea: int) -> Belief:
        """All that is believed of an open idea; effects are positive for the better, in baseline noises."""
        if idea in self._settled:
            return self._settled[idea].belief
        place = self._effects.ideas.index(idea)
        means, sds = self._effects.from_runs()
        return self._prior.belief(float(means[place]), float(sds[place]))

    def gain(self, idea: int) -> Interval:
        """How much better an open idea makes things, in the metric's unit, not inflated by having been selected."""
        if idea in self._settled:
            return self._settled[idea].gain
        belief, unit = self.belief(idea), abs(self._unit)
        mean = belief.interval().mean
        wide = replace(belief, sd=belief.sd * self._effects.in_sds(_REACH) / _REACH).interval()
        return Interval(mean * unit, min(wide.low, mean) * unit, max(wide.high, mean) * unit)

    def reach(self, inside: Iterable[int]) -> float:
        """How far from the truth the estimate of a version's metric may be, either way, in 95 % of all cases.

        The estimate is the baseline's mean and the gains of what the version holds. What was settled is as uncertain as
        it was then.
        """
        held = frozenset(inside)
        settled = [self._settled[idea].gain for idea in held & self._settled.keys()]
        variance = self._effects.variance / self._baseline_runs + self._effects.doubt(held)
        variance += math.fsum(((gain.high - gain.low) / 2 / _REACH / self._unit) ** 2 for gain in settled)
        return self._effects.in_sds(_REACH) * math.sqrt(variance) * abs(self._unit)

    def expected(self, inside: Iterable[int]) -> float:
        """The metric to be expected of a version now."""
        return self._effects.predict(Run(frozenset(inside), 0.0))[0] * self._unit + self._zero

    def tolerates(self, idea: int) -> bool:
        """Whether an idea is welcome also where it is no improvement."""
        return idea in self._tolerated

    def observe(
        self,
        inside: Iterable[int],
        value: float,
        sd: float | None = None,
        *,
        experiment: int = 0,
        seed: int | None = None,
        against: Iterable[int] = NONE,
    ) -> None:
        """One run of the version that holds these ideas gave `value`.

        `experiment` is what it was made for; who has one at a time under way need not say. `sd` is the standard
        deviation of this very run where it is known, as that of a rate is from its counts. Two runs of an experiment
        with the same `seed` may be alike. Where versions are compared side by side, `against` is what the other one
        held, and `value` what is to be added to its metric to get this one's.
        """
        spread = 1.0 if sd is None else min(max((sd / self._unit) ** 2, 1e-6), 1e6)
        told = Run(frozenset(inside), self._inner(value), frozenset(against), spread)
        unknown = told.inside - self._chances.keys() - self._effects.closed.keys()
        if unknown or experiment not in self._courses:
            self._courses[experiment] = Course()
        course = self._courses[experiment]
        partner = course.counterpart(seed)
        self._learn(told, partner, course.repeated(told), unknown)
        course.note(told, seed if partner is None else None)
        course.wants_repeat = bool(unknown) and self._knows_too_little_of_noise()
        for idea in told.inside - self._effects.closed.keys():
            self._runs[idea] = self._runs.get(idea, 0) + 1
        self._look()

    def _learn(self, told: Run, partner: Run | None, repeats: Run | None, unknown: Ideas) -> None:
        run, *pair = (self._in_terms_of_open(each) for each in (told, partner) if each is not None)
        with self._effects.recalling(run, *pair):
            for idea in sorted(unknown):
                mean, variance = self._effects.predict(run)
                self._prior.learn(run.value - mean, variance**0.5)
                self._effects.add(idea, self._prior.mean, self._prior.variance)
            self._effects.learn(run, *pair, repeats=repeats)

    def _in_terms_of_open(self, run: Run) -> Run:
        """A run without what is in every version: that may be a thousand ideas, and nothing is to be learned of them.

        What it lacks of these, since it was planned before they were settled, is told as taken away. What was dropped
        since stays.
        """
        always = frozenset(self._settled)
        if self._side_by_side:
            both = always & run.inside & run.against
            return replace(run, inside=run.inside - both, against=run.against - both)
        return replace(run, inside=run.inside - always, against=always - run.inside)

    def wants_repeat(self, experiment: int = 0) -> bool:
        """Whether an experiment's last run, in which a new idea was just run, should be made once more, so that the
        noise is known better, whatever it gave: repeats of what looked lucky would make the noise look larger.

        Too small a noise makes luck look like gain; the smaller effects are beside it, the more it matters. A few are
        always made, since what looks like large effects may be noise that the baseline hid by luck.
        """
        return experiment in self._courses and self._courses[experiment].wants_repeat

    def _knows_too_little_of_noise(self) -> bool:
        share = min(1.0, (self._effects.sd / self._prior.size) ** 2)
        runs = self._effects.runs
        coming = sum(course.wants_repeat for course in self._courses.values())
        return self._effects.repeats + coming < max(share * math.sqrt(runs), math.log2(1 + runs) / 2)

    def finish(self, experiment: int) -> None:
        """An experiment has its verdict: no run will be made for it any more."""
        self._courses.pop(experiment, None)

    def tolerate(self, idea: int, loss: float) -> None:
        """This idea is welcome if it is not worse by more than `loss`: it makes things simpler."""
        self._tolerated[idea] = loss / abs(self._unit)
        self._look()

    def settle(self, ideas: Iterable[int]) -> None:
        """Take these for granted, so that a decision stays quick: they are in every version from now on."""
        for idea in ideas:
            self._settled[idea] = _Settled(self.belief(idea), self._chances[idea], self.gain(idea), self._runs[idea])
            if self._side_by_side:
                self._effects.forget([idea])  # It is on both sides, and the level is what tells these apart.
            else:
                self._effects.absorb(idea)
            del self._chances[idea]

    def drop(self, ideas: Iterable[int]) -> None:
        """These are out of the running: they will be in no run any more, except in what is under way."""
        gone = [idea for idea in ideas if idea in self._chances]
        if gone:
            self._effects.forget(gone)
            for idea in gone:
                del self._chances[idea], self._runs[idea]
                self._tolerated.pop(idea, None)

    def _inner(self, value: float) -> float:
        return min(max((value - self._zero) / self._unit, -_FARTHEST), _FARTHEST)

    def _look(self) -> None:
        _, _, good = self._prior.chances(*self._effects.from_runs())
        self._chances = dict(zip(self._effects.ideas, good.tolist(), strict=True))
        for idea in self._tolerated.keys() & self._chances.keys():
            self._chances[idea] = self.belief(idea).above(-self._tolerated[idea])
