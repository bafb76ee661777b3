"""One run as the contract has it: the command under its budget, then the frozen scorer, then one number."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from overnight.runs.metrics import SIDES, read_metric, read_pair
from overnight.runs.output import Output
from overnight.runs.process import Ended, run_process

SCORER_SECONDS = 600.0
"""What the scorer gets: it is the user's own and trusted, but a hanging one must not cost the night."""

_NOT_PASSED_ON = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR")


@dataclass(frozen=True)
class RunOrder:
    """What to run, and where."""

    command: str
    score: str | None
    metric: str
    budget: float
    """Seconds, as the run is told."""
    hard_limit: float
    """Seconds after which it is ended by force."""
    score_when_forced: bool
    """Whether a run that was ended by force is still scored on what it wrote."""
    seed: int
    folder: Path
    """Where the run starts: goal.md's folder in a copy of the candidate."""
    score_folder: Path
    """Where the scorer starts: the same folder as the baseline has it."""
    artifacts: Path
    """An empty folder for the run to write to and the scorer to read."""
    output: Path
    """The file for everything printed."""
    rival: Path | None = None
    """Where the version is that `folder`'s is compared with, side by side; the command then starts in `score_folder`,
    since it is as frozen as a scorer."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the numbers that the command prints and that decide."""
        if self.rival is not None:
            return tuple(f"{side}.{self.metric}" for side in SIDES)
        return (self.metric,) if self.score is None else ()


@dataclass(frozen=True)
class RunResult:
    """What one run gave. `value` is None exactly when `outcome` is not `ok`."""

    outcome: Literal["ok", "crash", "timeout"]
    value: float | None
    reason: str
    ended: Ended
    output_tail: str
    rival: float | None = None
    """The metric of the version it was compared with, if it was."""
    metrics: Mapping[str, float] = field(default_factory=dict)


def run_once(order: RunOrder, should_stop: Callable[[], bool]) -> RunResult:
    """Make one run. Raises Interrupted when `should_stop` says so, OSError when nothing can be written any more."""
    fresh_folder(order.artifacts)
    folder = order.folder if order.rival is None else order.score_folder
    sides = {"OVERNIGHT_CANDIDATE": str(order.folder), "OVERNIGHT_INCUMBENT": str(order.rival)} if order.rival else {}
    env = guest_environment(
        folder,
        OVERNIGHT_BUDGET_SECONDS=f"{order.budget:g}",
        OVERNIGHT_SEED=str(order.seed),
        OVERNIGHT_ARTIFACTS=str(order.artifacts),
        **sides,
    )
    with Output(order.output, *order.metrics) as output:
        ended = run_process(
            order.command, folder=folder, env=env, limit=order.hard_limit, output=output, should_stop=should_stop
        )
        numbers = output.numbers()
    tail = output.tail()
    problem = _problem(order, ended)
    if problem:
        outcome: Literal["crash", "timeout"] = "timeout" if ended.forced else "crash"
        return RunResult(outcome, None, problem, ended, tail, metrics=numbers)
    if order.rival is not None:
        value, rival, reason = read_pair(order.metric, numbers)
        own = {name.removeprefix(f"{SIDES[0]}."): number for name, number in numbers.items()}
        return RunResult("ok" if value is not None else "crash", value, reason, ended, tail, rival, own)
    if order.score is not None:
        return _scored(order, order.score, env, ended, tail, numbers, should_stop)
    value, reason = read_metric(order.metric, numbers)
    return RunResult("ok" if value is not None else "crash", value, reason, ended, tail, metrics=numbers)


def _scored(
    order: RunOrder,
    command: str,
    env: Mapping[str, str],
    ended: Ended,
    run_tail: str,
    numbers: Mapping[str, float],
    should_stop: Callable[[], bool],
) -> RunResult:
    """The run's result with the metric that the frozen scorer prints; what the run itself printed cannot be it."""
    with Output(order.output.with_suffix(".score.log"), order.metric) as output:
        scoring = run_process(
            command,
            folder=order.score_folder,
            env={**env, "PWD": str(order.score_folder)},
            limit=SCORER_SECONDS,
            output=output,
            should_stop=should_stop,
        )
        scored = output.numbers()
    tail = "\n".join(filter(None, [run_tail, "--- scorer ---", output.tail()]))
    secondary = {**{name: value for name, value in numbers.items() if name != order.metric}, **scored}
    if scoring.forced:
        problem = f"the scorer did not end within {SCORER_SECONDS:g} s"
    elif scoring.exit_code != 0:
        problem = f"the scorer {_how_it_ended(scoring)}"
    else:
        value, problem = read_metric(order.metric, scored)
        if value is not None:
            return RunResult("ok", value, "", ended, tail, metrics=secondary)
        problem = f"scorer: {problem}"
    return RunResult("crash", None, problem, ended, tail, metrics=secondary)


def _problem(order: RunOrder, ended: Ended) -> str | None:
    if ended.forced:
        return None if order.score_when_forced else f"it was still running after {order.hard_limit:g} s and was ended"
    return None if ended.exit_code == 0 else f"the run {_how_it_ended(ended)}"


def _how_it_ended(ended: Ended) -> str:
    if ended.signal is not None:
        try:
            name = signal.Signals(ended.signal).name
        except ValueError:
            name = f"signal {ended.signal}"
        return f"was ended by {name}" + (" (out of memory?)" if ended.signal == signal.SIGKILL else "")
    meaning = {126: " (the command cannot be executed)", 127: " (the command was not found)"}.get(
        ended.exit_code or 0, ""
    )
    return f"stopped with exit code {ended.exit_code}{meaning}"


def guest_environment(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a guest (a run, a scorer, an agent) that starts in `folder`.

    Git variables that would lead it into the user's repository are left out, and git is kept from finding it by
    itself. Python writes no bytecode: two candidates made within one second could otherwise share it.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
    return {
        **kept,
        "PWD": str(folder),
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }


def fresh_folder(folder: Path) -> None:
    """Make `folder` exist and be empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
