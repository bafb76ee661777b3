"""The session: a baseline, then one experiment after another until a rule or a person says stop."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from overnight.errors import GoalError, Interrupted, OvernightError, SessionError
from overnight.fleet.local import LocalFleet, Version
from overnight.goal.document import Goal
from overnight.goal.settings import Settings
from overnight.judge.judge import BASELINE_RUNS, EXACT_RUNS
from overnight.ledger.records import Judged, Resumed, Stopped
from overnight.ledger.store import Ledger, Recorder
from overnight.loop.assemble import Project, check_agent, make_proposer
from overnight.loop.bench import Bench, Rival
from overnight.loop.confinement import sandbox_of
from overnight.loop.events import ExperimentJudged, RunFinished, SessionClosed, SessionEvent, SessionOpened
from overnight.loop.experiment import Experimenter
from overnight.loop.frozen import FrozenWorld
from overnight.loop.hints import baseline_error
from overnight.loop.meter import Meter
from overnight.loop.recovery import agree, take_up
from overnight.loop.repeats import mean_metrics, seems_exact
from overnight.loop.seeds import seeds_for
from overnight.loop.state import State
from overnight.loop.stopping import Stopping
from overnight.repo.branch import SessionRefs
from overnight.repo.candidate import fingerprint
from overnight.runs.sandbox import Sandbox


class Session:
    """One night on one goal. `for event in Session(goal).run(): …` does what `overnight run` does.

    Nothing is held here that the ledger does not know: make a new one after a crash, and it goes on.
    """

    def __init__(
        self,
        goal: Goal | Path | str,
        *,
        agent: str | None = None,
        experiments: int | None = None,
        hours: float | None = None,
        seed: int | None = None,
        new: bool = False,
        sandbox: bool = True,
    ) -> None:
        """What is given here wins over goal.md. Raises OvernightError when the set-up is wrong."""
        self.goal = goal if isinstance(goal, Goal) else Goal.read(goal)
        self.settings = override(self.goal.settings, agent=agent, experiments=experiments, hours=hours)
        self._seed = seed
        self._new = new
        self._sandboxed = sandbox
        self._stop_requested = False
        check_agent(self.settings.agent, self.goal)
        self.project = Project.of(self.goal)
        self.state = State.of(self.goal.folder)

    def request_stop(self) -> None:
        """Put the session down as soon as possible; safe to call from a signal handler or another thread."""
        self._stop_requested = True

    def run(self) -> Iterator[SessionEvent]:
        """Work until a stop rule is met or somebody interrupts, telling what happens.

        Raises OvernightError when it cannot begin or go on, AlreadyFinished when there is nothing to do.
        """
        with self.state.locked(), contextlib.closing(Ledger.open(self.state.ledger_path)) as ledger:
            history = take_up(
                ledger, self.project, self.settings, seed=self._seed, new=self._new, sandboxed=self._sandboxed
            )
            started = history.started()
            sandbox = sandbox_of(started.sandbox)
            project = Project.of(self.goal, started.base)
            refs = SessionRefs(project.repository, history.session)
            agree(history, refs)
            before = history.last_event()
            resumed_after = history.counts().experiments if before and before.record.kind != "session_started" else None
            history.append(Resumed(pid=os.getpid(), settings=self.settings.model_dump(mode="json")))
            yield SessionOpened(
                history.session,
                self.settings,
                started.base,
                resumed_after,
                tuple(self.project.warnings()),
                started.sandbox,
            )
            frozen = FrozenWorld(project, self.settings, started)
            work = _Work(self, project, history, refs, sandbox, frozen, started.seed, is_resumed=bool(resumed_after))
            with contextlib.closing(work):
                yield from work.do()

    def should_stop(self) -> bool:
        """Whether somebody asked for the end."""
        return self._stop_requested


class _Work:
    """A session's parts while it is running."""

    def __init__(
        self,
        session: Session,
        project: Project,
        history: Recorder,
        refs: SessionRefs,
        sandbox: Sandbox,
        frozen: FrozenWorld,
        seed: int,
        *,
        is_resumed: bool,
    ) -> None:
        self._is_resumed = is_resumed
        self._frozen = frozen
        self._settings = session.settings
        self._project = project
        self._history = history
        self._seed = seed
        self._stop = session.should_stop
        self._folder = session.state.work
        shutil.rmtree(self._folder, ignore_errors=True)
        logs = session.state.logs(history.session)
        self._fleet = LocalFleet(
            project.repository,
            self._settings,
            project.base,
            work=self._folder,
            logs=logs,
            sandbox=sandbox,
            should_stop=self._stop,
        )
        self._proposer = make_proposer(
            project, self._settings, history, seed=seed, state=session.state, sandbox=sandbox, should_stop=self._stop
        )
        self._bench = Bench(project, self._settings, history, refs, self._fleet, seed=seed, should_stop=self._stop)
        self._experimenter = Experimenter(self._bench, self._proposer)

    def do(self) -> Iterator[SessionEvent]:
        """The baseline if it is not known yet, then experiments."""
        try:
            self._frozen.must_be_the_same()
            yield from self._baseline()
            if self._is_resumed:
                yield from self._experimenter.recheck()
            stopping = Stopping(self._settings.stop, self._history)
            while True:
                if self._stop():
                    raise Interrupted
                self._frozen.must_be_the_same()
                if stuck := stopping.stuck():
                    yield self._put_down(finished=False, reason=stuck)
                    raise OvernightError(f"{stuck}. Change that and run `overnight run` again; nothing is lost")
                over = stopping.reason() or self._experimenter.exhausted
                if over:
                    yield from self._experimenter.close_night()
                    yield self._put_down(finished=True, reason=over)
                    return
                yield from self._experimenter.run()
        except (Interrupted, KeyboardInterrupt):
            yield self._put_down(finished=False, reason="interrupted")
        except SessionError as error:
            yield self._put_down(finished=False, reason=str(error))
            raise

    def close(self) -> None:
        """Leave no copy behind."""
        self._proposer.close()
        self._fleet.close()
        shutil.rmtree(self._folder, ignore_errors=True)

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
        judged = Judged(
            number=0,
            verdict="baseline",
            reason=f"{len(values)} runs"
            + (", all the same" if same else f" from {min(values):.6g} to {max(values):.6g}"),
            hypothesis="the baseline",
            metric=Meter.of(self._settings, runs).level(runs),
            runs=len(runs),
            seconds=math.fsum(run.wall_seconds for run in runs),
            commit=version.commit,
            fingerprint=version.fingerprint,
            peak_mb=max(run.peak_mb for run in runs),
        )
        self._history.append(judged)
        yield ExperimentJudged(judged)

    def _put_down(self, *, finished: bool, reason: str) -> SessionClosed:
        self._history.append(Stopped(finished=finished, reason=reason))
        return SessionClosed(finished, reason)


def override(settings: Settings, *, agent: str | None, experiments: int | None, hours: float | None) -> Settings:
    """The settings with what the command line says instead. Raises OvernightError for a value out of range."""
    for name, value in (("experiments", experiments), ("hours", hours)):
        if value is not None and not 0 < value < math.inf:
            raise OvernightError(f"--{name} must be more than zero, not {value}")
    given = {name: value for name, value in (("experiments", experiments), ("hours", hours)) if value is not None}
    changed = settings.model_copy(update={"stop": settings.stop.model_copy(update=given)})
    return changed.model_copy(update={"agent": agent}) if agent else changed
