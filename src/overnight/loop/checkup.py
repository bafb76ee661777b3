"""What a careful colleague would say before the night: the baseline measured, and the goal looked at."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from overnight.errors import Interrupted
from overnight.fleet.fleets import Fleet, open_fleet
from overnight.fleet.local import LocalSlot
from overnight.fleet.shares import Share, shares_here
from overnight.fleet.slot import Slot, Task, Version
from overnight.folders import remove
from overnight.goal.document import Goal
from overnight.goal.names import direction_of
from overnight.judge.judge import EXACT_RUNS
from overnight.judge.noise import Noise, pooled_noise
from overnight.ledger.records import Measured
from overnight.loop.events import RunFinished, RunStarted
from overnight.loop.hints import baseline_error, guard_error
from overnight.loop.meter import Meter
from overnight.loop.neighbours import Beside, Rehearsal, fair_slots, look_beside
from overnight.loop.notify import check_notify, literal_secrets
from overnight.loop.overrides import override
from overnight.loop.project import Project
from overnight.loop.proposers import check_agents, check_plugins
from overnight.loop.repeats import mean_metrics
from overnight.loop.seeds import seeds_for
from overnight.loop.state import State
from overnight.loop.tracking import check_mlflow
from overnight.loop.weaving import base_version
from overnight.repo.blocks import has_blocks
from overnight.repo.git import Repository
from overnight.runs.metrics import USAGE
from overnight.runs.sandbox import NOT_PROTECTED, NoSandbox, find_sandbox, why_none, words_of

NIGHT_HOURS = 8.0
_CLOSE_TO_LIMIT = 0.9
_BRIDGES = ("overnight.bridge", "bridge.py")


@dataclass(frozen=True)
class Checkup:
    """What was found. `advice` is what the user should think about; nothing in it forbids to start."""

    runs: tuple[Measured, ...]
    mean: float
    noise: Noise
    may_change: tuple[str, ...]
    frozen_files: int
    """Tracked files that must stay as they are."""
    run_seconds: float
    """The mean wall time of one run, its scoring included."""
    experiments_a_night: int
    """About how many fit in `NIGHT_HOURS` if proposing takes no time."""
    other_numbers: dict[str, float]
    advice: tuple[str, ...]
    beside: tuple[Beside, ...] = ()
    """What neighbours do to a run, where there is more than one slot: for all slots first."""


@dataclass(frozen=True)
class LiveCheckup:
    """The same for a goal of which people decide: nobody has met anything yet."""

    may_change: tuple[str, ...]
    frozen_files: int
    advice: tuple[str, ...]


def check_goal(
    goal: Goal, should_stop: Callable[[], bool], *, slots: int | Literal["auto"] | None = None
) -> Iterator[RunStarted | RunFinished | Checkup | LiveCheckup]:
    """Run the baseline three times, and then in all slots at once; the last thing yielded is what was found.

    `slots` wins over goal.md. Nothing is deployed.

    Raises OvernightError when the set-up cannot work, with every reason that can be found.
    """
    project = Project.of(goal)
    check_agents(goal.settings, project)
    check_plugins(goal.settings)
    check_notify(goal.settings, goal)
    check_mlflow(goal.settings, goal)
    state = State.of(goal.folder)
    is_here = goal.settings.fleet == "local"
    shares = shares_here(override(goal.settings, slots=slots).slots) if is_here else ()

    def make_slot(number: int, share: Share) -> LocalSlot:
        return LocalSlot(
            Repository.find(goal.folder),  # Threads do not share one.
            goal.settings,
            project.base,
            work=state.work / f"slot-{number}",
            logs=state.logs(f"check-{number}" if number else "check"),
            sandbox=find_sandbox() or NoSandbox(),
            should_stop=should_stop,
            number=number,
            share=share,
        )

    version = base_version(project)
    seeds = seeds_for(0, 0)[:EXACT_RUNS]
    beside: tuple[Beside, ...] = ()
    with state.locked():
        try:
            fleet = Fleet([make_slot(0, shares[0])]) if is_here else _fleet_away(project, should_stop)
            with contextlib.closing(fleet):
                slot = fleet.slots[0]
                runs = yield from _measured(
                    project, version, slot, seeds if goal.settings.live is None else (), should_stop
                )
                broken = slot.broken_guard(version, mean_metrics(runs) if runs else None)
            if broken:
                raise guard_error(project, broken)
            if len(shares) > 1:
                rehearsal = Rehearsal(make_slot, version, goal.settings.compare is not None, seeds)
                beside = tuple(look_beside(shares, runs, rehearsal))
        finally:
            remove(state.work)
    yield _found(project, runs, beside) if goal.settings.live is None else _found_live(project)


def _measured(
    project: Project, version: Version, slot: Slot, seeds: Sequence[int], should_stop: Callable[[], bool]
) -> Generator[RunStarted | RunFinished, None, list[Measured]]:
    """A run of the baseline on each of these seeds."""
    settings = project.goal.settings
    runs: list[Measured] = []
    for seed in seeds:
        if should_stop():
            raise Interrupted
        words = f"run {len(runs) + 1} of {len(seeds)}"
        yield RunStarted(0, "baseline", seed, words, settings.hard_limit)
        measured = slot.measure(Task(version, 0, "baseline", seed, version if settings.compare else None))
        if measured.outcome != "ok":
            raise baseline_error(project, measured)
        runs.append(measured)
        yield RunFinished(measured)
    return runs


def _fleet_away(project: Project, should_stop: Callable[[], bool]) -> Fleet:
    """One slot on the machines that the goal names."""
    state, settings = State.of(project.goal.folder), project.goal.settings
    return open_fleet(
        project.repository,
        settings.model_copy(update={"slots": 1}),
        project.base,
        session="check",
        work=state.work,
        logs=state.logs("check"),
        sandbox=find_sandbox() or NoSandbox(),
        should_stop=should_stop,
    )


def _found_live(project: Project) -> LiveCheckup:
    may_change, frozen_files = _scope(project)
    return LiveCheckup(may_change, frozen_files, tuple(_advice_of_any_goal(project)))


def _scope(project: Project) -> tuple[tuple[str, ...], int]:
    """What may be changed, in words, and how many tracked files may not."""
    files = project.repository.tracked(project.base)
    marked = [path for path, content in project.edit_files(project.base).items() if has_blocks(content)]
    free = project.scope.of(files)
    words = tuple(f"{path} (inside its EVOLVE-BLOCKs)" if path in marked else path for path in free)
    return words, len(files) - len(words)


def _found(project: Project, runs: list[Measured], beside: tuple[Beside, ...]) -> Checkup:
    meter = Meter.of(project.goal.settings, runs)
    # Of a comparison, what moves is the difference; of a preference, the share.
    noise = pooled_noise([[(run.value or 0.0) - (0.0 if meter.is_preference else run.rival or 0.0) for run in runs]])
    if noise.sd == 0:  # Equal versions side by side may come out alike each time, and yet never with the same number.
        noise = pooled_noise([[run.value or 0.0 for run in runs]])
    mean = meter.level(runs)
    may_change, frozen_files = _scope(project)
    settings = project.goal.settings
    seconds = math.fsum(run.wall_seconds + run.scoring_seconds for run in runs) / len(runs)
    known = (*USAGE, settings.metric)
    return Checkup(
        runs=tuple(runs),
        mean=mean,
        noise=noise,
        may_change=may_change,
        frozen_files=frozen_files,
        run_seconds=seconds,
        experiments_a_night=int(NIGHT_HOURS * 3600 / max(seconds, 0.05) * fair_slots(beside)),
        # An assistant may be the one who asks.
        other_numbers={
            name: value for name, value in runs[-1].metrics.items() if name not in known and not settings.hidden
        },
        advice=(*_advice(project, runs, noise, mean), *_advice_on_slots(project, beside)),
        beside=beside,
    )


def _advice_of_any_goal(project: Project) -> Iterator[str]:
    goal, settings = project.goal, project.goal.settings
    yield from project.warnings()
    yield from literal_secrets(settings, goal)
    if find_sandbox() is None:
        yield f"there is no sandbox on this machine, so {NOT_PROTECTED}; {why_none()}, or use `run --no-sandbox`"
    frozen_by = [
        settings.score,
        settings.compare,
        *((settings.live.deploy, settings.live.measure) if settings.live else ()),
    ]
    for path in project.scope.of(project.repository.tracked(project.base)):
        if any(_scores(path, command) for command in frozen_by):
            yield f"{goal.at('edit')}: {path} is what measures and may be changed; take it out of `edit`"
    usual = direction_of(settings.metric)
    if usual not in (None, settings.direction) and "direction" not in settings.model_fields_set:
        yield (
            f"{goal.at('metric')}: of `{settings.metric}`, more is usually better, but where nothing is said of the "
            "direction, lower is: write `direction: higher`, or `direction: lower` if that is meant"
        )
    if not settings.stop.model_fields_set:
        yield "no `stop:` is set, so it will work until you stop it"


def _advice(project: Project, runs: list[Measured], noise: Noise, mean: float) -> Iterator[str]:
    goal, settings = project.goal, project.goal.settings
    yield from _advice_of_any_goal(project)
    if settings.compare is None and settings.score is None and (printer := _prints_metric(project)):
        yield (
            f"{goal.at('metric')}: `{settings.metric}` is printed by {printer}, which may be changed, so a change "
            "could print a better number without being better; let a file of its own measure, and name it: "
            "`score: python score.py`"
        )
    if settings.score and any(Path(word).name in _BRIDGES for word in words_of(settings.score)):
        yield (
            f"{goal.at('score')}: the evaluator runs the program in its own process, so one that is written to deceive "
            "could; look at what is kept, as docs/foreign.md says"
        )
    longest = max(run.wall_seconds for run in runs)
    if longest > _CLOSE_TO_LIMIT * settings.hard_limit:
        yield (
            f"{goal.at('budget')}: a run took {longest:.3g} s of the {settings.hard_limit:g} s after which it is "
            "ended; a slightly slower one would be lost. Let it stop earlier, or give it `kill_at:`"
        )
    elif (whole := longest + max(run.scoring_seconds for run in runs)) < 0.1 * settings.budget:
        yield (
            f"{goal.at('budget')}: a run took {whole:.3g} s, the budget is {settings.budget:g} s; a shorter budget "
            "would end a hanging candidate sooner"
        )
    if not noise.is_exact and mean and noise.sd > 0.05 * abs(mean):
        yield (
            f"the noise is large ({100 * noise.sd / abs(mean):.2g} % of `{settings.metric}`): gains below about "
            f"{2 * noise.sd:.2g} will rarely be proven; average over more data or repeats inside a run if you can"
        )


def _advice_on_slots(project: Project, beside: tuple[Beside, ...]) -> Iterator[str]:
    if beside and not beside[0].is_fair:
        fair = fair_slots(beside)
        yield (
            f"{project.goal.at('slots')}: {beside[0].slots} runs at a time disturb each other, so that who wins "
            f"would depend on what the neighbours do; write `slots: {fair}`"
        )


def _prints_metric(project: Project) -> str | None:
    """The file that may be changed and that prints the metric itself, as far as one can see."""
    name = project.goal.settings.metric.encode()
    files = project.edit_files(project.base)
    return next((path for path, content in files.items() if name in content), None)


def _scores(path: str, command: str | None) -> bool:
    return command is not None and path in command.split()
