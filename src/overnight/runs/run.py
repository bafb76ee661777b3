"""One run as the contract has it: the command under its budget, then the frozen scorer, then one number."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from overnight.folders import fresh_folder
from overnight.runs.artifacts import misleading
from overnight.runs.environment import guest_environment
from overnight.runs.logs import score_log
from overnight.runs.metrics import SIDES, read_metric, read_pair
from overnight.runs.output import SCORER_SAYS, Output, of_the_scorer
from overnight.runs.process import Ended, run_process
from overnight.runs.sandbox import Room, Sandbox

SCORER_SECONDS = 600.0
"""What the scorer gets at least: it is the user's own and trusted, but a hanging one must not cost the night."""
_UNTOLD = " (what it printed may tell of what is `hidden`, so it is not repeated here)"


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
    sandbox: Sandbox
    room: Room
    """Where the command runs."""
    score_room: Room | None
    """Where the scorer runs."""
    artifacts: Path
    """A folder for the run to write to and the scorer to read; it is emptied first."""
    output: Path
    """The file for everything printed."""
    trespass: Callable[[], str | None] = lambda: None
    """Says what the run did to the scorer's room, if anything."""
    discreet: bool = False
    """Whether what measures knows what nobody else may: then no reason repeats what it printed."""
    score_env: tuple[str, ...] = ()
    """The environment variables that are the scorer's alone."""
    told: Mapping[str, str] = field(default_factory=dict)
    """More environment variables of the command and the scorer: what they may use of the machine."""
    sides: tuple[Path, Path] | None = None
    """Where the candidate and the incumbent are that the command compares; None where it runs one version."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the numbers that the command prints and that decide."""
        if self.sides is not None:
            return tuple(f"{side}.{self.metric}" for side in SIDES)
        return (self.metric,) if self.score is None else ()


@dataclass(frozen=True)
class RunResult:
    """What one run gave. `value` is None exactly when `outcome` is not `ok`."""

    outcome: Literal["ok", "crash", "timeout", "invalid"]
    value: float | None
    reason: str
    ended: Ended
    output_tail: str
    rival: float | None = None
    """The metric of the version it was compared with, if it was."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    scoring_seconds: float = 0.0
    """How long the scorer took after it."""
    cut_off: str | None = None
    """KILLED or SLEPT where neither we nor the run itself, or its scorer, made its end: what it gave is no result."""


KILLED = "killed from outside"
SLEPT = "the machine slept"


def run_once(order: RunOrder, should_stop: Callable[[], bool]) -> RunResult:
    """Make one run. Raises Interrupted when `should_stop` says so, OSError when nothing can be written any more."""
    result, processes = _run_and_score(order, should_stop)
    return replace(result, cut_off=next(filter(None, map(_cut_off, processes)), None))


def _cut_off(ended: Ended) -> str | None:
    if ended.asleep_seconds > 0:
        return SLEPT
    return KILLED if ended.was_killed else None


def _run_and_score(order: RunOrder, should_stop: Callable[[], bool]) -> tuple[RunResult, list[Ended]]:
    fresh_folder(order.artifacts)
    env = {
        **order.told,
        "OVERNIGHT_BUDGET_SECONDS": f"{order.budget:g}",
        "OVERNIGHT_SEED": str(order.seed),
        "OVERNIGHT_ARTIFACTS": str(order.artifacts),
    }
    if order.sides is not None:
        env |= dict(zip(("OVERNIGHT_CANDIDATE", "OVERNIGHT_INCUMBENT"), map(str, order.sides), strict=True))
    with Output(order.output, *order.metrics) as output:
        ended = run_process(
            order.command,
            room=order.room,
            sandbox=order.sandbox,
            env=guest_environment(order.room, order.sandbox, **env),
            limit=order.hard_limit,
            output=output,
            should_stop=should_stop,
        )
        numbers = output.numbers()
    tail = of_the_scorer(output.tail()) if order.sides is not None and order.discreet else output.tail()
    problem = _problem(order, ended)
    if problem:
        outcome: Literal["crash", "timeout"] = "timeout" if ended.forced else "crash"
        return RunResult(outcome, None, problem, ended, tail, metrics=numbers), [ended]
    if order.sides is not None:
        value, rival, reason = read_pair(order.metric, numbers, discreet=order.discreet)
        own = {name.removeprefix(f"{SIDES[0]}."): number for name, number in numbers.items()}
        return RunResult("ok" if value is not None else "crash", value, reason, ended, tail, rival, own), [ended]
    if order.score is not None:
        assert order.score_room is not None, "a scorer needs a room"
        problem = misleading(order.artifacts)
        if problem:
            return RunResult("crash", None, problem, ended, tail, metrics=numbers), [ended]
        problem = order.trespass()
        if problem:
            return RunResult("invalid", None, problem, ended, tail, metrics=numbers), [ended]
        result, scoring = _scored(order, order.score, order.score_room, env, ended, tail, numbers, should_stop)
        return result, [ended, scoring]
    numbers = {name: number for name, number in numbers.items() if name not in ended.usage}
    value, reason = _metric(order, ended, numbers)
    return RunResult("ok" if value is not None else "crash", value, reason, ended, tail, metrics=numbers), [ended]


def _scored(
    order: RunOrder,
    command: str,
    room: Room,
    env: Mapping[str, str],
    ended: Ended,
    run_tail: str,
    numbers: Mapping[str, float],
    should_stop: Callable[[], bool],
) -> tuple[RunResult, Ended]:
    """The run's result with the metric that the frozen scorer prints; what the run itself printed cannot be it."""
    limit = max(SCORER_SECONDS, order.hard_limit)
    with Output(score_log(order.output), order.metric) as output:
        scoring = run_process(
            command,
            room=room,
            sandbox=order.sandbox,
            env=guest_environment(room, order.sandbox, order.score_env, **env),
            limit=limit,
            output=output,
            should_stop=should_stop,
        )
        scored = output.numbers()
    tail = "\n".join(filter(None, [run_tail, SCORER_SAYS, output.tail()]))
    measured = {order.metric, *ended.usage}  # by others than the run
    secondary = {**{name: value for name, value in numbers.items() if name not in measured}, **scored}
    if scoring.beyond is not None:
        problem = f"the scorer {scoring.beyond} and was ended"
    elif scoring.forced:
        problem = f"the scorer did not end within {limit:g} s"
    elif scoring.exit_code != 0:
        problem = f"the scorer {how_it_ended(scoring)}{_UNTOLD if order.discreet else output.last_words()}"
    else:
        value, problem = _metric(order, ended, scored, discreet=order.discreet)
        if value is not None:
            return RunResult("ok", value, "", ended, tail, None, secondary, scoring.wall_seconds), scoring
        problem = f"scorer: {problem}"
    return RunResult("crash", None, problem, ended, tail, None, secondary, scoring.wall_seconds), scoring


def _metric(
    order: RunOrder, ended: Ended, printed: Mapping[str, float], *, discreet: bool = False
) -> tuple[float | None, str]:
    """The metric in what was printed. What the run used (`cpu_seconds`, …) nobody needs to print: it was measured."""
    if order.metric in ended.usage and order.metric not in printed:
        return ended.usage[order.metric], ""
    return read_metric(order.metric, printed, discreet=discreet)


def _problem(order: RunOrder, ended: Ended) -> str | None:
    if ended.beyond is not None:
        return f"the run {ended.beyond} and was ended"
    if ended.forced:
        return None if order.score_when_forced else f"it was still running after {order.hard_limit:g} s and was ended"
    return None if ended.exit_code == 0 else f"the run {how_it_ended(ended)}"


def how_it_ended(ended: Ended) -> str:
    """How a command came to a bad end, as a sentence's: `stopped with exit code 3`."""
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
