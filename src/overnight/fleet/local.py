"""Runs on this machine: candidates and scorer each in a private copy of the project, cleaned after every run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from overnight.errors import OvernightError
from overnight.goal.settings import Settings
from overnight.ledger.records import Measured, Role
from overnight.repo.git import Repository
from overnight.repo.worktree import Worktree
from overnight.runs.metrics import Rate
from overnight.runs.output import Output
from overnight.runs.process import run_process
from overnight.runs.run import RunOrder, RunResult, fresh_folder, guest_environment, run_once

GUARD_SECONDS = 1800.0
"""What a guard command gets."""
_LIMIT = re.compile(
    r"\s*(?P<name>[\w./@%-]+)\s*(?P<operator><=|>=|<|>|==)\s*(?P<bound>[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*"
)


@dataclass(frozen=True)
class Version:
    """What is measured: a commit, and the fingerprint of the files in it that may differ."""

    commit: str
    fingerprint: str


class LocalFleet:
    """One slot on this machine."""

    def __init__(
        self,
        repository: Repository,
        settings: Settings,
        base: str,
        *,
        work: Path,
        logs: Path,
        should_stop: Callable[[], bool],
    ) -> None:
        """`base` is the baseline's commit, the scorer's home; `work` holds the copies, `logs` what runs print."""
        links = linked_paths(settings, repository.root / repository.prefix)
        self._settings = settings
        self._base = base
        self._work = work
        self._logs = logs
        self._should_stop = should_stop
        self._run_copy = Worktree(repository, work / "run", links)
        self._rival_copy = Worktree(repository, work / "rival", links) if settings.compare else None
        frozen = settings.score or settings.verify or settings.compare
        self._score_copy = Worktree(repository, work / "score", links) if frozen else None

    def measure(
        self,
        version: Version,
        number: int,
        role: Role,
        seed: int,
        *,
        rival: Version | None = None,
        measured_by: str | None = None,
    ) -> Measured:
        """Make one run of `version` and read its metric, or compare it with `rival` where the goal has `compare`.

        With `measured_by`, that command takes the place of the goal's scorer (or of its comparison).

        Raises Interrupted when asked to stop, OvernightError when the disk is full.
        """
        self._run_copy.checkout(version.commit)
        if self._score_copy is not None:
            self._score_copy.checkout(self._base)
        if self._rival_copy is not None:
            assert rival is not None, "a comparison needs two versions"
            self._rival_copy.checkout(rival.commit)
        output = self._logs / f"{number}-{role}-{seed}.log"
        try:
            result = run_once(self._order(seed, output, measured_by), self._should_stop)
        except OSError as error:
            raise OvernightError(f"a run's output cannot be written to {self._logs}: {error.strerror}") from error
        finally:
            self._run_copy.clean()
            if self._rival_copy is not None:
                self._rival_copy.clean()
        measured = self._measured(version, number, role, seed, result, output)
        return measured if rival is None else measured.model_copy(update={"rival_fingerprint": rival.fingerprint})

    def broken_guard(self, version: Version, metrics: Mapping[str, float]) -> str | None:
        """The first of the goal's guards that does not hold for `version`, in words; None when all do.

        `metrics` are the version's own numbers, for guards that are limits (`peak_mb < 4000`).
        """
        for guard in self._settings.guards:
            limit = _LIMIT.fullmatch(guard)
            problem = _beyond(limit, metrics) if limit else self._guard_fails(version, guard)
            if problem:
                return f"guard `{guard}` {problem}"
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

    def _order(self, seed: int, output: Path, measured_by: str | None) -> RunOrder:
        settings = self._settings
        scoring_in = self._score_copy or self._run_copy
        compares = self._rival_copy is not None
        return RunOrder(
            command=measured_by if measured_by and compares else settings.command,
            score=None if compares else measured_by or settings.score,
            metric=settings.metric,
            budget=settings.budget,
            hard_limit=settings.hard_limit,
            score_when_forced=settings.overtime == "score",
            seed=seed,
            folder=self._run_copy.project,
            score_folder=scoring_in.project,
            artifacts=self._work / "artifacts",
            output=output,
            rival=self._rival_copy.project if self._rival_copy else None,
        )

    def _measured(
        self, version: Version, number: int, role: Role, seed: int, result: RunResult, output: Path
    ) -> Measured:
        touched = (
            [change.path for change in self._score_copy.changes() if not change.is_new] if self._score_copy else []
        )
        if self._score_copy is not None:
            self._score_copy.clean()
        ended = result.ended
        usage = {"wall_seconds": ended.wall_seconds, "cpu_seconds": ended.cpu_seconds, "peak_mb": ended.peak_mb}
        return Measured(
            number=number,
            role=role,
            commit=version.commit,
            fingerprint=version.fingerprint,
            seed=seed,
            outcome="invalid" if touched else result.outcome,
            value=None if touched else result.value,
            trials=_trials(result.value) if not touched else None,
            rival=None if touched else result.rival,
            rival_trials=_trials(result.rival) if not touched else None,
            metrics={**usage, **result.metrics},
            reason=f"the run changed the scorer's own copy of {touched[0]}" if touched else result.reason,
            exit_code=ended.exit_code,
            signal=ended.signal,
            output=str(output.relative_to(self._logs.parents[2])),
            output_tail=result.output_tail,
            wall_seconds=ended.wall_seconds,
            cpu_seconds=ended.cpu_seconds,
            peak_mb=ended.peak_mb,
        )

    def _guard_fails(self, version: Version, command: str) -> str | None:
        self._run_copy.checkout(version.commit)
        artifacts = self._work / "guard"
        fresh_folder(artifacts)
        folder = self._run_copy.project
        output = Output(self._logs / "guard.log")
        try:
            with output:
                ended = run_process(
                    command,
                    folder=folder,
                    env=guest_environment(folder, OVERNIGHT_ARTIFACTS=str(artifacts)),
                    limit=GUARD_SECONDS,
                    output=output,
                    should_stop=self._should_stop,
                )
        finally:
            self._run_copy.clean()
        if ended.exit_code == 0 and not ended.forced:
            return None
        last = output.tail().splitlines()[-1:]
        return "did not hold" + (f": {last[0].strip()[:200]}" if last else "")


def _trials(value: float | None) -> float | None:
    return value.trials if isinstance(value, Rate) else None


def _beyond(limit: re.Match[str], metrics: Mapping[str, float]) -> str | None:
    name, operator, bound = limit["name"], limit["operator"], float(limit["bound"])
    value = metrics.get(name)
    if value is None:
        return f"cannot be checked: `{name}` was never printed"
    holds = {"<": value < bound, "<=": value <= bound, ">": value > bound, ">=": value >= bound, "==": value == bound}
    return None if holds[operator] else f"did not hold: it is {value:.6g}"


def linked_paths(settings: Settings, project: Path) -> dict[str, Path]:
    """The untracked folders inside the project that runs may read: where their links stand, and where these lead."""
    paths = [Path(name).expanduser() for name in settings.read]
    return {path.as_posix(): project / path for path in paths if not path.is_absolute() and ".." not in path.parts}
