"""The work of a session between two troubles: the baseline if it is not known, then experiments.

It is made anew after each trouble, from the ledger, by the very code that resumes a killed session.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from overnight.errors import Trouble
from overnight.fleet.fleets import open_fleet
from overnight.fleet.outside import Outside
from overnight.folders import remove
from overnight.goal.settings import SUBMITTED, Settings
from overnight.ledger.store import Recorder
from overnight.loop.baseline import measure_baseline
from overnight.loop.bench import Bench
from overnight.loop.crew import Crew, Worker
from overnight.loop.disk import DiskRoom
from overnight.loop.events import SessionEvent
from overnight.loop.experiment import Experimenter
from overnight.loop.frozen import FrozenWorld
from overnight.loop.live_course import LiveCourse
from overnight.loop.meter import Meter
from overnight.loop.pipeline import Pipeline
from overnight.loop.project import Project
from overnight.loop.proposers import make_proposer
from overnight.loop.state import State
from overnight.loop.steering import Steering
from overnight.loop.stopping import Stopping
from overnight.loop.submitting import Submitter
from overnight.propose.proposer import Proposer
from overnight.repo.branch import SessionRefs
from overnight.runs.sandbox import Sandbox

_THINKERS_A_SLOT = 4


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
        self._state = state
        self._history = history
        self._sandbox = sandbox
        self._seed = seed
        self._first = first
        self._should_stop = should_stop
        self._is_over = False
        self._folder: Path = state.work
        remove(self._folder)
        self._crew = Crew()
        self._fleet = open_fleet(
            project.repository,
            settings,
            project.base,
            session=history.session,
            work=self._folder,
            logs=state.logs(history.session),
            sandbox=sandbox,
            should_stop=self._is_to_end,
            machine_type=next((run.machine_type for run in history.baseline_runs()), ""),
            has_worked=bool(history.baseline_runs()),
        )
        self._slots = [Worker(slot.number, slot) for slot in self._fleet.slots]
        self._thinkers: list[Worker[Proposer]] = []
        disk = DiskRoom(state.folder, Path(project.repository.git.path), history)
        self._bench = Bench(project, settings, history, refs, disk, seed=seed, should_stop=should_stop)
        self._steering = Steering(state, history, should_stop)
        self._live = self._live_course(state) if settings.live else None
        self._experimenter = Experimenter(self._bench, self._live)

    def work(self, *, recheck: bool, think_from: float = 0.0) -> Iterator[SessionEvent]:
        """Work until a stop rule is met, which `over` says then; `recheck` measures the incumbent again first.

        Nobody is asked for a proposal before `think_from`, on the monotonic clock; what was submitted is measured.

        Raises Trouble when something outside is wrong for now, StuckError, SessionError, GoalError, PutDown when a
        person wants it to end here, and Interrupted when asked to stop.
        """
        self._frozen.must_be_the_same()
        if self._live is None:
            yield from measure_baseline(self._bench, self._crew, self._slots)
        elif self._history.baseline() is None:
            yield from self._crew.all_of(self._slots[:1], [self._live.baseline()])
        else:
            self._live.settle(again=recheck)
        if recheck:
            yield from self._crew.all_of(self._slots[:1], [self._experimenter.recheck()])
        submitter = Submitter(self._state, self._history, self._project.scope)
        self._thinkers.append(Worker(0, submitter))
        pipeline = Pipeline(
            self._bench,
            self._crew,
            self._slots,
            self._thinker,
            self._thinkers[-1],
            self._experimenter,
            self._steering,
            Stopping(self._settings.stop, self._history, first=self._first),
            most_thinkers=self._most_thinkers(),
            most_ahead=self._most_ahead(),
            is_submitted=submitter.waits,
            should_stop=self._should_stop,
            think_from=think_from,
        )
        yield from pipeline.work(self._frozen.must_be_the_same)
        yield from self._crew.all_of(self._slots[:1], [self._experimenter.close_night()])
        self.over = pipeline.over

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
            self._is_over = True
            self._crew.close()
            for slot in self._slots:
                slot.end()
            self._fleet.close()
            for thinker in self._thinkers:
                thinker.end()
                thinker.means.close()
            if self._live is not None:
                self._live.close()
            remove(self._folder)

    def _is_to_end(self) -> bool:
        return self._is_over or self._should_stop()

    def _thinker(self, number: int) -> Worker[Proposer]:
        proposer = make_proposer(
            self._project,
            self._settings,
            self._history,
            seed=self._seed,
            state=self._state,
            sandbox=self._sandbox,
            should_stop=self._is_to_end,
            thinker=number,
        )
        self._thinkers.append(Worker(number, proposer))
        return self._thinkers[-1]

    def _most_thinkers(self) -> int:
        """One, where a proposer remembers what it said last, or is so quick that it need not do two things at once; 0,
        where the session waits for what is submitted."""
        if self._settings.agent == (SUBMITTED,):
            return 0
        is_one = self._settings.agent_memory == "session" or self._settings.agent == ("search",)
        return 1 if is_one else _THINKERS_A_SLOT * len(self._slots)

    def _most_ahead(self) -> float:
        """None where people decide, which takes days; nor by the built-in search, which is quick and shall propose the
        same each time; nor beside the only run where time is measured, of which whoever thinks may take some."""
        if self._settings.ahead is not None:
            return self._settings.ahead
        is_time = Meter.of(self._settings, self._history.baseline_runs()).scale.kind == "log"
        is_alone = is_time and len(self._slots) == 1
        return 0 if self._live is not None or self._settings.agent == ("search",) or is_alone else math.inf

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
