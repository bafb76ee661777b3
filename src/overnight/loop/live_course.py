"""Keep or discard where people decide: a variant is let out beside the incumbent until the counts are clear."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator

from overnight.errors import GoalError, OvernightError, Trouble
from overnight.fleet.outside import Outside
from overnight.fleet.slot import Version
from overnight.goal.sections import LiveSettings
from overnight.judge.sequential import Side
from overnight.ledger.records import Judged, Measured, Proposed, Role, Steered
from overnight.loop.bench import Bench
from overnight.loop.counted import counts_words, evidence, sides
from overnight.loop.crew import InSlot
from overnight.loop.events import ApprovalAwaited, ExperimentJudged, SessionEvent
from overnight.loop.hints import guard_error, uncommitted
from overnight.loop.outcome import Decision, conversions, decided, figures, flaw_of_baseline, is_enough
from overnight.loop.seeds import seeds_for
from overnight.loop.steering import Steering
from overnight.loop.trial import Trial, UndeployableError
from overnight.loop.undo import take_back
from overnight.loop.weaving import base_version, version_of
from overnight.repo.weave import Weave

_TRIES, _MOMENT_SECONDS = 3, 1.0
_IN_95 = 1.96
"""Standard deviations within which 95 % lie."""


class LiveCourse:
    """Does the live experiments of a session, one at a time."""

    def __init__(self, bench: Bench, outside: Outside, steering: Steering, should_stop: Callable[[], bool]) -> None:
        assert bench.settings.live is not None, "this course is that of live goals"
        self._bench = bench
        self._live: LiveSettings = bench.settings.live
        self._history = bench.history
        self._outside = outside
        self._steering = steering
        self._should_stop = should_stop

    def baseline(self) -> InSlot[None]:
        """The baseline beside itself, until enough people have met both: do the commands, the counts, the split work?

        Raises GoalError where they do not.
        """
        project = self._bench.project
        base = base_version(project)
        broken = yield from self._bench.broken_guard(0, base, None)
        if broken:
            raise guard_error(project, broken)
        trial = self._trial(0, "baseline", "the baseline, beside itself", base, base)
        try:
            yield from trial.course(self._is_known)
        except (Trouble, UndeployableError) as problem:
            if isinstance(problem, Trouble) and (problem.kind != "live" or trial.newest() is not None):
                raise
            hint = uncommitted(project, str(problem))
            raise GoalError(
                [f"{project.goal.at('live')}: {problem}; it must work before anything goes out{hint}"]
            ) from None
        trial.take_back(base)
        newest = trial.newest()
        assert newest is not None, "what is known has been looked at"
        candidate, incumbent = sides(newest)
        both = Side(candidate.conversions + incumbent.conversions, candidate.people + incumbent.people)
        reach = _IN_95 * math.sqrt(both.rate * (1 - both.rate) / both.people)
        judged = Judged(
            number=0,
            verdict="baseline",
            reason=f"beside itself: {counts_words(newest)}",
            hypothesis="the baseline",
            metric=both.rate,
            metric_low=max(both.rate - reach, 0.0),
            metric_high=min(both.rate + reach, 1.0),
            runs=len(self._history.runs(0)),
            seconds=trial.elapsed() * self._live.window,
            commit=base.commit,
            fingerprint=base.fingerprint,
            evidence=evidence(newest, more_is_better=True),
        )
        self._history.append(judged)
        yield ExperimentJudged(judged)

    def settle(self, *, again: bool = False) -> None:
        """Let people meet the incumbent where they meet another version alone; with `again`, in any case."""
        incumbent, last = self._bench.incumbent(), self._history.last_deployed()
        version = self._version(incumbent)
        if last is None or (not last.out and (again or last.incumbent != version.fingerprint)):
            self._trial(incumbent.number, "candidate", "", version, version).take_back(version)

    def retreat(self, *, for_good: bool) -> None:
        """Nobody watches from here on: let no candidate be out. `for_good` says that there is no next try.

        Raises Trouble where that fails, OvernightError if it is for good.
        """
        number = self._history.out()
        if number is None:
            return
        incumbent = self._history.incumbent()
        project = self._bench.project
        version = self._version(incumbent) if incumbent else Version(project.base, "")
        trial = self._trial(number, "candidate", "", version, version)
        tries = 1
        while True:
            try:
                trial.take_back(version)
            except Trouble as trouble:
                if number == 0:
                    return  # Nothing new is out; what kept the baseline's trial from going on says more.
                if not for_good:
                    raise
                if tries == _TRIES:
                    raise OvernightError(
                        f"THE VARIANT OF EXPERIMENT {number} IS STILL OUT, and nobody watches it: it could not be "
                        f"taken back ({trouble.reason}). Do that by hand, or mend it and run `overnight run` again"
                    ) from None
            else:
                return
            tries += 1
            time.sleep(_MOMENT_SECONDS)

    def close(self) -> None:
        """Remove the copies."""
        self._outside.close()

    def decide(self, proposed: Proposed, started: float) -> InSlot[None]:
        """Let a candidate out if it may be, and write the verdict."""
        bench, number = self._bench, proposed.number
        version = Version.of(proposed)
        if proposed.inside != bench.kept():  # A person was asked in between two processes.
            self.retreat(for_good=False)
            reason = "it was made on top of a change that a person has taken back since"
            yield bench.write(bench.record(proposed, [], started), reason=reason)
            return
        if not self._history.deployments(number):  # Nobody has met it yet.
            refused = yield from bench.broken_guard(number, version, None)
            if refused is None and self._live.approve == "human":
                refused = yield from self._approval(proposed)
            if refused is not None:
                yield bench.write(bench.record(proposed, [], started), reason=refused)
                return
        before = bench.incumbent()
        trial = self._trial(number, "candidate", proposed.hypothesis, self._version(before), version)
        try:
            decision = yield from trial.course(lambda run, elapsed: self._decided(number, run, elapsed))
        except UndeployableError as problem:
            decision = Decision("crash", f"it cannot be let out, while the incumbent can: {problem}")
        keeps = decision.verdict == "keep"
        trial.take_back(version if keeps else self._version(before))
        judged = bench.record(proposed, self._history.runs(number), started)
        judged = judged.model_copy(update={"seconds": proposed.seconds + trial.elapsed() * self._live.window})
        numbers = figures(bench.settings, before, trial.newest()) if decision.verdict != "invalid" else {}
        if not keeps:
            yield bench.write(judged, verdict=decision.verdict, reason=decision.reason, **numbers)
            return
        kept = bench.kept_on(before, version, judged.model_copy(update=numbers))
        yield bench.write(kept, reason=decision.reason)
        bench.move_branch()

    def take_out(self, steered: Steered) -> InSlot[None]:
        """A person takes a keep back: what was kept after it goes on without it, and people meet that from now on."""
        yield from take_back(self._bench, steered, _guarded)
        self.settle()

    def _approval(self, proposed: Proposed) -> Generator[SessionEvent, None, str | None]:
        """Wait for a person to look at a candidate. Returns why it must not go out; None when it may."""
        if self._history.approval(proposed.number) is None:  # It may have been said while nobody was at work.
            yield ApprovalAwaited(proposed)
        while (said := self._history.approval(proposed.number)) is None:
            yield from self._steering.rest()
        return None if said.act == "approve" else f"a person turned it down{_why(said)}"

    def _is_known(self, run: Measured | None, elapsed: float) -> bool | None:
        """Whether the baseline's trial is over."""
        if run is None:
            return None
        flaw = flaw_of_baseline(self._bench.settings, run, elapsed)
        if flaw is not None:
            raise GoalError([f"{self._bench.project.goal.at('live')}: the baseline beside itself: {flaw}"])
        return True if is_enough(self._live, run) and conversions(run) else None

    def _decided(self, number: int, run: Measured | None, elapsed: float) -> Decision | None:
        """What is to become of a candidate; None when it stays out."""
        ended = self._history.ended_by_person(number)
        if ended is not None:
            so_far = f" ({counts_words(run)})" if run else ""
            return Decision("discard", f"ended by a person{_why(ended)}{so_far}")
        return decided(self._bench.settings, run, elapsed) if run else None

    def _trial(self, number: int, role: Role, hypothesis: str, incumbent: Version, candidate: Version) -> Trial:
        return Trial(
            self._history,
            self._live,
            self._outside,
            self._steering,
            self._should_stop,
            number,
            role,
            hypothesis,
            incumbent,
            candidate,
            self._seed(number),
        )

    def _version(self, judged: Judged) -> Version:
        return Version.of(judged, self._bench.project.base)

    def _seed(self, number: int) -> int:
        return seeds_for(self._bench.seed, number)[0]


def _why(said: Steered) -> str:
    """The reason that a person gave, as what ends a sentence."""
    why = " ".join(said.text.split())
    return f": {why}" if why else ""


def _guarded(bench: Bench, weave: Weave, kept: list[Judged], without: int) -> InSlot[tuple[Measured | None, str]]:
    """See `Try`: nobody need meet what is left before; only the guards that are commands are tried."""
    version = version_of(bench.project, weave, [judged.number for judged in kept])
    problem = yield from bench.broken_guard(without, version, None)
    return None, problem or ""
