"""Runs on this machine: candidates and scorer each in a private copy of the project, cleaned after every run."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from overnight.errors import Trouble, explain_os
from overnight.fleet.limits import broken_limit, is_limit
from overnight.fleet.rooms import Rooms
from overnight.fleet.shares import WHOLE, Share
from overnight.fleet.slot import Task, Version
from overnight.folders import fresh_folder
from overnight.goal.settings import Settings
from overnight.ledger.records import Measured
from overnight.repo.git import Repository
from overnight.repo.worktree import Worktree
from overnight.runs.energy import Counters, read_counters
from overnight.runs.environment import guest_environment
from overnight.runs.logs import guard_log, place_in_state
from overnight.runs.metrics import Rate
from overnight.runs.output import Output
from overnight.runs.places import place_of
from overnight.runs.process import run_process
from overnight.runs.run import KILLED, SLEPT, RunOrder, RunResult, run_once
from overnight.runs.sandbox import Sandbox

_MOST_TRIES = 5
_MOMENT_SECONDS = 0.3
GUARD_SECONDS = 1800.0
"""What a guard command gets."""


class LocalSlot:
    """A slot on this machine."""

    def __init__(
        self,
        repository: Repository,
        settings: Settings,
        base: str,
        *,
        work: Path,
        logs: Path,
        sandbox: Sandbox,
        should_stop: Callable[[], bool],
        number: int = 0,
        share: Share = WHOLE,
    ) -> None:
        """`base` is the baseline's commit, the scorer's home; `work` holds the copies, `logs` what runs print.

        `number` is the slot's place among the session's, `share` what it has of the machine.
        """
        self.number = number
        self._share = share
        self._told = share.environment(os.environ)
        project = repository.root / repository.prefix
        links = linked_paths(settings.read, project)
        self._settings = settings
        self._base = base
        self._work = work
        self._logs = logs
        self._sandbox = sandbox
        self._rooms = Rooms(settings, project, work, share.slots)
        self._should_stop = should_stop
        self._run_copy = Worktree(repository, work / "run", links)
        self._rival_copy = Worktree(repository, work / "rival", links) if settings.compare else None
        frozen = settings.score or settings.verify or settings.compare
        links_of_scorer = {**links, **linked_paths(settings.hidden, project)}
        self._score_copy = Worktree(repository, work / "score", links_of_scorer) if frozen else None

    def measure(self, task: Task) -> Measured:
        """Make one run and read its metric.

        A run that somebody killed is made again, once: if it is killed again, that is what it does. One during which
        the machine slept is made again.

        Raises Interrupted when asked to stop, Trouble when something cannot be written.
        """
        self._run_copy.checkout(task.version.commit)
        if self._score_copy is not None:
            self._score_copy.checkout(self._base)
        if self._rival_copy is not None:
            assert task.rival is not None, "a comparison needs two versions"
            self._rival_copy.checkout(task.rival.commit)
        output = self._logs / task.log
        cut_off: list[str] = []
        while True:
            energy = read_counters()
            with self._share.held():
                result = self._run(task, output)
            if result.cut_off is None or cut_off.count(KILLED) >= 1 or len(cut_off) >= _MOST_TRIES:
                break
            cut_off.append(result.cut_off)
            time.sleep(_MOMENT_SECONDS)  # Whoever ends all processes of the machine is about to end us too.
        if result.cut_off == SLEPT:
            raise Trouble("machine", "the machine sleeps again and again while something runs, or is far too busy")
        return self._measured(task, result, output, energy).model_copy(update={"cut_off": tuple(cut_off)})

    def broken_guard(self, version: Version, metrics: Mapping[str, float] | None) -> str | None:
        """See `Slot`."""
        for guard in self._settings.guards:
            if not is_limit(guard):
                broken = self._broken_command(version, guard)
            else:
                broken = broken_limit([guard], metrics) if metrics is not None else None
            if broken:
                return broken
        return None

    def audit(self, version: Version) -> None:
        """Make sure that the copies hold what git says, looking at every file: before anything is kept."""
        self._run_copy.checkout(version.commit)
        self._run_copy.clean(thorough=True)
        if self._score_copy is not None:
            self._score_copy.clean(thorough=True)

    def close(self) -> None:
        """Remove the copies."""
        for copy in (self._run_copy, self._score_copy, self._rival_copy):
            if copy is not None:
                copy.remove()

    def _run(self, task: Task, output: Path) -> RunResult:
        try:
            return run_once(self._order(task, output), self._should_stop)
        except OSError as error:
            raise explain_os(error, "a run's output or artifacts cannot be written") from error
        finally:
            self._run_copy.clean()
            if self._rival_copy is not None:
                self._rival_copy.clean()

    def _order(self, task: Task, output: Path) -> RunOrder:
        settings, rooms, artifacts = self._settings, self._rooms, self._work / "artifacts"
        command, score, sides = settings.command, task.measured_by or settings.score, None
        if self._rival_copy is not None and self._score_copy is not None:
            command, score = task.measured_by or command, None
            copies = (self._run_copy, self._rival_copy)
            sides = (self._run_copy.project, self._rival_copy.project)
            room = rooms.of_comparison(command, self._score_copy, copies, artifacts)
        else:
            room = rooms.of_run(command, self._run_copy, artifacts)
        return RunOrder(
            command=command,
            score=score,
            metric=settings.metric,
            budget=settings.budget,
            hard_limit=settings.hard_limit,
            score_when_forced=settings.overtime == "score",
            seed=task.seed,
            sandbox=self._sandbox,
            room=room,
            score_room=rooms.of_scorer(score, self._score_copy, artifacts) if score and self._score_copy else None,
            # What only `overnight verify` runs is read by people.
            discreet=bool(settings.hidden) and task.measured_by is None,
            score_env=settings.score_env,
            artifacts=artifacts,
            output=output,
            trespass=self._trespass,
            told=self._told,
            sides=sides,
        )

    def _trespass(self) -> str | None:
        """What is not as it should be in the scorer's copy, new and ignored files included: the run was there."""
        touched = self._score_copy.touched() if self._score_copy is not None else []
        if not touched:
            return None
        assert self._score_copy is not None
        self._score_copy.clean()
        return f"the run changed the scorer's own copy of {touched[0]}"

    def _measured(self, task: Task, result: RunResult, output: Path, energy: Counters) -> Measured:
        touched = (
            [change.path for change in self._score_copy.changes() if not change.is_new] if self._score_copy else []
        )
        if self._score_copy is not None:
            self._score_copy.clean()
        ended = result.ended
        return Measured(
            number=task.number,
            role=task.role,
            slot=self.number,
            commit=task.version.commit,
            fingerprint=task.version.fingerprint,
            seed=task.seed,
            outcome="invalid" if touched else result.outcome,
            value=None if touched else result.value,
            trials=_trials(result.value) if not touched else None,
            rival=None if touched else result.rival,
            rival_trials=_trials(result.rival) if not touched else None,
            rival_fingerprint=task.rival.fingerprint if task.rival else None,
            # A record holds numbers; of what is none, the run's output tells.
            metrics={**ended.usage, **{name: value for name, value in result.metrics.items() if math.isfinite(value)}},
            reason=f"the run changed the scorer's own copy of {touched[0]}" if touched else result.reason,
            exit_code=ended.exit_code,
            signal=ended.signal,
            output=place_in_state(output),
            output_tail=result.output_tail,
            wall_seconds=ended.wall_seconds,
            scoring_seconds=result.scoring_seconds,
            cpu_seconds=ended.cpu_seconds,
            peak_mb=ended.peak_mb,
            # The counters are the machine's: what several slots use at once is in all of them.
            joules=read_counters().since(energy) if self._share.slots == 1 else None,
        )

    def _broken_command(self, version: Version, command: str) -> str | None:
        self._run_copy.checkout(version.commit)
        artifacts = self._work / "guard"
        fresh_folder(artifacts)
        room = self._rooms.of_run(command, self._run_copy, artifacts)
        output = Output(self._logs / guard_log(self.number))
        try:
            with output, self._share.held():
                ended = run_process(
                    command,
                    room=room,
                    sandbox=self._sandbox,
                    env=guest_environment(room, self._sandbox, OVERNIGHT_ARTIFACTS=str(artifacts), **self._told),
                    limit=GUARD_SECONDS,
                    output=output,
                    should_stop=self._should_stop,
                )
        finally:
            self._run_copy.clean()
        if ended.exit_code == 0 and not ended.forced and ended.beyond is None:
            return None
        return f"guard `{command}` did not hold{output.last_words()}"


def _trials(value: float | None) -> float | None:
    return value.trials if isinstance(value, Rate) else None


def linked_paths(names: Iterable[str], project: Path) -> dict[str, Path]:
    """The untracked folders inside the project that guests may read: where their links stand, where these lead."""
    paths = [place_of(name, Path()) for name in names]
    return {path.as_posix(): project / path for path in paths if not path.is_absolute() and ".." not in path.parts}
