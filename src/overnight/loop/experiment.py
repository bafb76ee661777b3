"""One experiment from the proposal to the verdict, each step written down before the next."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

from overnight.ledger.records import Proposed, Steered
from overnight.loop.bench import Bench
from overnight.loop.events import ProposalFinished, ProposalStarted, SessionEvent
from overnight.loop.exact import decide_exactly, recheck
from overnight.loop.live_course import LiveCourse
from overnight.loop.noisy import NoisyCourse
from overnight.loop.proposing import NothingLeftError, propose
from overnight.loop.repeats import seems_exact
from overnight.loop.reviewing import review_if_due
from overnight.loop.undo import take_back
from overnight.propose.proposer import Proposer


class Experimenter:
    """Does experiments, one at a time."""

    def __init__(self, bench: Bench, proposer: Proposer, live: LiveCourse | None = None) -> None:
        """`live` is how a goal is decided that says `live:`."""
        self._bench = bench
        self._proposer = proposer
        self._live = live
        self._noisy: NoisyCourse | None = None
        self._exact_so_far = False
        self._cut_off = self._find_cut_off()
        self.exhausted: str | None = None
        """Why the proposer has nothing more to try, once it said so."""

    def run(self) -> Iterator[SessionEvent]:
        """Do the next experiment, the rest of one that was cut off, or a review. Raises Interrupted when asked to."""
        bench = self._bench
        noisy = self._look_at_noise()
        started = time.monotonic()
        if self._cut_off is not None:
            proposed, self._cut_off = self._cut_off, None
            started -= proposed.seconds + math.fsum(run.wall_seconds for run in bench.history.runs(proposed.number))
        else:
            number = bench.history.last_number() + 1
            noise = noisy.noise if noisy else 0.0
            if (yield from review_if_due(bench, self._proposer, number=number, noise=noise)):
                return  # It may have used up what was left of the money.
            yield ProposalStarted(number, self._proposer.name)
            try:
                proposed = propose(bench, self._proposer, number=number, noise=noise)
            except NothingLeftError as reason:
                self.exhausted = str(reason)
                return
            yield ProposalFinished(proposed)
        if proposed.commit is None:
            judged = bench.record(proposed, [], started)
            verdict = proposed.verdict or "no_change"
            yield bench.write(judged, verdict=verdict, reason=proposed.reason, output_tail=proposed.output_tail)
            return
        bench.refs.remember(proposed.number, proposed.commit)
        if self._live is not None:
            yield from self._live.decide(proposed, started)
        else:
            yield from noisy.decide(proposed, started) if noisy else decide_exactly(bench, proposed, started)

    def take_out(self, steered: Steered) -> Iterator[SessionEvent]:
        """A person wants an experiment out of the running that is kept, or may still be."""
        course = self._live or self._look_at_noise()
        yield from course.take_out(steered) if course else take_back(self._bench, steered)

    def recheck(self) -> Iterator[SessionEvent]:
        """A session with an exact metric goes on: see whether the metric still is."""
        if self._live is None and self._look_at_noise() is None:
            yield from recheck(self._bench)
            self._exact_so_far = False

    def close_night(self) -> Iterator[SessionEvent]:
        """The session is finished."""
        if noisy := self._look_at_noise():
            yield from noisy.close_night()

    def _look_at_noise(self) -> NoisyCourse | None:
        """How to decide: by one run, or once any version has not given the same number each time, under noise."""
        if self._live is None and self._noisy is None and not self._exact_so_far:
            self._exact_so_far = seems_exact(self._bench.history)
            if not self._exact_so_far:
                self._noisy = NoisyCourse(self._bench)
        return self._noisy

    def _find_cut_off(self) -> Proposed | None:
        """The proposal that an earlier process could not bring to a verdict."""
        last = self._bench.history.last_proposed()
        return last if last is not None and self._bench.history.judged_number(last.number) is None else None
