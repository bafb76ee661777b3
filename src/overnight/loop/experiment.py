"""What becomes of an experiment in its slot: the way to decide that fits the goal and its metric."""

from __future__ import annotations

import math
import time

from overnight.ledger.records import Proposed, Steered
from overnight.loop.bench import Bench
from overnight.loop.carrying import carried_over, is_overtaken
from overnight.loop.crew import InSlot
from overnight.loop.custom_course import CustomCourse
from overnight.loop.exact import ExactCourse, recheck
from overnight.loop.live_course import LiveCourse
from overnight.loop.noisy import NoisyCourse
from overnight.loop.repeats import seems_exact
from overnight.loop.undo import take_back


class Experimenter:
    """Brings experiments from the proposal to the verdict, each step written down before the next."""

    def __init__(self, bench: Bench, live: LiveCourse | None = None) -> None:
        """`live` is how a goal is decided that says `live:`."""
        self._bench = bench
        self._live = live
        self._custom = CustomCourse(bench, bench.settings.judge) if bench.settings.judge else None
        self._noisy: NoisyCourse | None = None
        self._exact = ExactCourse(bench)
        self._exact_so_far = False

    @property
    def noise(self) -> float:
        """Standard deviation of one run, in the metric's unit; 0 where the metric is exact."""
        noisy = self._custom or self._look_at_noise()
        return noisy.noise if noisy else 0.0

    def decide(self, proposed: Proposed) -> InSlot[Proposed | None]:
        """Measure a candidate, or go on with that, and write the verdict.

        Gives it back, without a verdict, where it `waits` for others, or does not fit the incumbent any more.
        """
        bench = self._bench
        spent = math.fsum(run.wall_seconds for run in bench.history.runs(proposed.number))
        started = time.monotonic() - proposed.seconds - spent
        bench.refs.remember(proposed.number, proposed.commit or "")
        if self._live is not None:
            yield from self._live.decide(proposed, started)
            return None
        if self._custom is not None:
            return (yield from self._custom.decide(proposed, started))
        noisy = self._look_at_noise()
        if noisy is None:
            return (yield from self._exact.decide(proposed, started))
        yield from noisy.decide(proposed, started)
        return None

    def carried_over(self, proposed: Proposed) -> Proposed | None:
        """A candidate that waits, made to fit the incumbent; None where that is not possible.

        Under noise every version is woven from ideas anyway, people decide one at a time, and one that was measured
        already is its course's business.
        """
        bench = self._bench
        if proposed.commit is None or self._live is not None or self._look_at_noise() is not None:
            return proposed
        if not is_overtaken(bench, proposed) or bench.history.runs(proposed.number):
            return proposed
        return carried_over(bench, proposed)

    def waits(self, proposed: Proposed) -> bool:
        """Whether it is measured, and is to be decided only when others have their verdicts."""
        is_exact = self._live is None and self._custom is None and self._look_at_noise() is None
        return is_exact and self._exact.waits(proposed)

    def take_out(self, steered: Steered) -> InSlot[None]:
        """A person wants an experiment out of the running that is kept, or may still be. Nothing else is under way."""
        course = self._live or self._look_at_noise()
        yield from course.take_out(steered) if course else take_back(self._bench, steered)

    def recheck(self) -> InSlot[None]:
        """A session with an exact metric goes on: see whether the metric still is."""
        if self._live is None and self._look_at_noise() is None:
            yield from recheck(self._bench)
            self._exact_so_far = False

    def close_night(self) -> InSlot[None]:
        """The session is finished."""
        if noisy := self._look_at_noise():
            yield from noisy.close_night()

    def _look_at_noise(self) -> NoisyCourse | None:
        """How to decide: by one run, or once any version has not given the same number each time, under noise."""
        if self._live is None and self._custom is None and self._noisy is None and not self._exact_so_far:
            self._exact_so_far = seems_exact(self._bench.history)
            if not self._exact_so_far:
                self._noisy = NoisyCourse(self._bench)
        return self._noisy
