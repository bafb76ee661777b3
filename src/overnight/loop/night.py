"""The work of a session between two troubles: the baseline if it is not known, then one experiment after another.

It is made anew after each trouble, from the ledger, by the very code that resumes a killed session.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from overnight.errors import GoalError, Interrupted, OvernightError, Trouble
from overnight.fleet.local import LocalSlot
from overnight.fleet.outside import Outside
from overnight.fleet.slot import Version
from overnight.folders import remove
from overnight.goal.settings import Settings
from overnight.judge.judge import BASELINE_RUNS, EXACT_RUNS
from overnight.ledger.records import Judged
from overnight.ledger.store import Recorder
from overnight.loop.assemble import Project, make_proposer
from overnight.loop.bench import Bench, Rival
from overnight.loop.disk import DiskRoom
from overnight.loop.events import ExperimentJudged, RunFinished, SessionEvent
from overnight.loop.experiment import Experimenter
from overnight.loop.frozen import FrozenWorld
from overnight.loop.hints import baseline_error
from overnight.loop.live_course import LiveCourse
from overnight.loop.meter import Meter
from overnight.loop.repeats import interval_of, mean_metrics, seems_exact
from overnight.loop.seeds import seeds_for
from overnight.loop.state import State
from overnight.loop.steering import Steering
from overnight.loop.stopping import Stopping
from overnight.repo.branch import SessionRefs
from overnight.repo.candidate import fingerprint
from overnight.runs.sandbox import Sandbox


class StuckError(OvernightError):
    """Proposals come to nothing, one after the other: the session is put down until somebody has looked at it."""


class Night:
    """A session's parts while it is at work."""

    def __init__(
        self,
        project: Project,
        settings: Settings,
        state: State,
        history: Recorder,
        refs: SessionRefs,
        *,
        sandbox: Sandbox,
        frozen: FrozenWorld,
        seed: int,
        first: int,
        should_stop: Callable[[], bool],
    ) -> None:
        """`first` is the number of the first experiment that this process may propose."""
        self._frozen = frozen
        self._settings = settings
        self._project = project
        self._history = history
        self._seed = seed
        self._first = first
        self._should_stop = should_stop
        self._folder: Path = state.work
        remove(self._folder)
        self._fleet = LocalSlot(
            project.repository,
            settings,
            project.base,
            work=self._folder,
            logs=state.logs(history.session),
            sandbox=sandbox,
            should_stop=should_stop,
        )
        self._proposer = make_proposer(
            project, settings, history, seed=seed, state=state, sandbox=sandbox, should_stop=should_stop
        )
        disk = DiskRoom(state.folder, Path(project.repository.git.path), history)
        self._bench = Bench(project, settings, history, refs, self._fleet, disk, seed=seed, should_stop=should_stop)
        self._steering = Steering(state, history, should_stop)
        self._live = self._live_course(state) if settings.live else None
        self._experimenter = Experimenter(self._bench, self._proposer, self._live)

    def work(self, *, recheck: bool) -> Iterator[SessionEvent]:
        """Work until a stop rule is met; `recheck` measures the incumbent again first. The last line is the reason.

        Raises Trouble when something outside is wrong for now, StuckError, SessionError, GoalError, PutDown when a
        person wants it to end here, and Interrupted when asked to stop.
        """
        self._frozen.must_be_the_same()
        if self._live is None:
            yield from self._baseline()
        elif self._history.baseline() is None:
            yield from self._live.baseline()
        else:
            self._live.settle(again=recheck)
        if recheck:
            yield from self._experimenter.recheck()
        stopping = Stopping(self._settings.stop, self._history, first=self._first)
        while True:
            if self._should_stop():
                raise Interrupted
            began = time.monotonic()
            yield from self._steering.listen(self._experimenter.take_out)
            stopping.rested(time.monotonic() - began)
            self._frozen.must_be_the_same()
            if stuck := stopping.stuck():
                raise StuckError(stuck)
            self.over = stopping.reason() or self._experimenter.exhausted
            if self.over:
                yield from self._experimenter.close_night()
                return
            yield from self._experimenter.run()

    over: str | None = None
    """Which rule has ended the session."""

    def __enter__(self) -> Night:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave no copy behind, and no candidate among people."""
        try:
            if self._live is not None:
                self._live.retreat(for_good=self._should_stop() or not isinstance(value, Trouble | OSError))
        finally:
            if self._live is not None:
                self._live.close()
            self._proposer.close()
            self._fleet.close()
            remove(self._folder)

    def _live_course(self, state: State) -> LiveCourse:
        project, history = self._project, self._history
        outside = Outside(
            project.repository,
            self._settings,
            project.base,
            session=history.session,
            work=self._folder,
            logs=state.logs(history.session),
        )
        return LiveCourse(self._bench, outside, self._steering, self._should_stop)

    def _baseline(self) -> Iterator[SessionEvent]:
        if self._history.baseline() is not None:
            return
        version = Version(self._project.base, fingerprint(self._project.edit_files(self._project.base)))
        known = {run.seed for run in self._history.runs(0) if run.outcome == "ok"}
        for count, seed in enumerate(seeds_for(self._seed, 0)[:BASELINE_RUNS]):
            if seed in known:
                continue
            if count >= EXACT_RUNS and seems_exact(self._history):
                break
            rival = Rival(version, ()) if self._settings.compare else None
            for event in self._bench.measure(version, 0, "baseline", seed, "the baseline", rival=rival):
                yield event
                if isinstance(event, RunFinished) and event.measured.outcome != "ok":
                    raise baseline_error(self._project, event.measured)
        runs = [run for run in self._history.runs(0) if run.outcome == "ok"]
        broken = self._fleet.broken_guard(version, mean_metrics(runs))
        if broken:
            raise GoalError([f"{self._project.goal.at('guards')}: the baseline itself fails: {broken}"])
        values = [run.value for run in runs if run.value is not None]
        same = min(values) == max(values)
        low, high = interval_of(runs)
        judged = Judged(
            number=0,
            verdict="baseline",
            reason=f"{len(values)} runs"
            + (", all the same" if same else f" from {min(values):.6g} to {max(values):.6g}"),
            hypothesis="the baseline",
            metric=Meter.of(self._settings, runs).level(runs),
            metric_low=low,
            metric_high=high,
            runs=len(runs),
            seconds=math.fsum(run.wall_seconds for run in runs),
            commit=version.commit,
            fingerprint=version.fingerprint,
            peak_mb=max(run.peak_mb for run in runs),
        )
        self._history.append(judged)
        yield ExperimentJudged(judged)
