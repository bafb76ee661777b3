"""`overnight check`: is this goal ready for a night?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from overnight.cli.places import GoalArgument, SlotsOption, goal_file, slots_of

if TYPE_CHECKING:
    from overnight.goal.settings import Settings
    from overnight.loop.checkup import Checkup, LiveCheckup
    from overnight.loop.neighbours import Beside


def check(
    goal: GoalArgument = None,
    slots: SlotsOption = None,
    init: Annotated[bool, typer.Option("--init", help="Make a git repository first, if there is none.")] = False,
) -> None:
    """Run the baseline three times and say what a careful colleague would."""
    from overnight.cli.run import make_repository, stopped_by_signals
    from overnight.goal.document import Goal
    from overnight.loop.checkup import Checkup, LiveCheckup, check_goal
    from overnight.loop.events import RunFinished

    path = goal_file(goal)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if init:
        make_repository(path.parent, console)
    read = Goal.read(path)
    stop: list[bool] = []
    count = 0
    with stopped_by_signals(lambda: stop.append(True)):
        for event in check_goal(read, lambda: bool(stop), slots=slots_of(slots)):
            if isinstance(event, RunFinished):
                count += 1
                run = event.measured
                beside = f" beside {run.rival:.6g}" if run.rival is not None else ""
                console.print(
                    f"baseline run {count}: {read.settings.metric} {run.value:.6g}{beside} in {run.wall_seconds:.3g} s"
                )
            elif isinstance(event, Checkup):
                _say(event, read.settings, console)
            elif isinstance(event, LiveCheckup):
                _say_live(event, read.settings, console)


def _say(found: Checkup, settings: Settings, console: Console) -> None:
    from overnight.loop.checkup import NIGHT_HOURS

    share = f" ({100 * found.noise.sd / abs(found.mean):.2g} %)" if found.mean else ""
    noise = (
        "exact: three runs gave the same number, so one run an experiment is enough"
        if found.noise.is_exact
        else f"noisy: it moves by ±{found.noise.sd:.2g}{share} when nothing changes, so more runs confirm a gain"
    )
    peak = max(run.peak_mb for run in found.runs)
    night = f"about {found.experiments_a_night:,} experiments in {NIGHT_HOURS:g} hours, less the time the agent thinks"
    lines = [
        ("metric", f"{settings.metric} {found.mean:.6g}, {settings.direction} is better"),
        ("measured by", _measured_by(settings)),
        ("noise", noise),
        ("time", f"a run takes {found.run_seconds:.3g} s and is ended after {settings.hard_limit:g} s"),
        ("memory", f"{peak:.0f} MiB at most" if peak else "too short a run to see"),
        ("may change", ", ".join(found.may_change)),
        ("may not", _frozen_words(found.frozen_files)),
        ("a night", night),
    ]  # fmt: skip
    if found.other_numbers:
        names = ", ".join(f"{name} {value:.4g}" for name, value in list(found.other_numbers.items())[:8])
        lines.append(("also printed", names))
    if found.beside:
        lines.append(("slots", _slots_words(found.beside, is_exact=found.noise.is_exact)))
    _say_all(lines, found.advice, console)


def _slots_words(beside: tuple[Beside, ...], *, is_exact: bool) -> str:
    """What neighbours do to a run, and how many are fair."""
    from overnight.loop.neighbours import fair_slots

    said = []
    for each in beside:
        others = "another" if each.slots == 2 else f"{each.slots - 1} others"
        if each.failure:
            what = f"fails: {each.failure}"
        else:
            same = "is the same" if is_exact else "is the same within its noise"
            metric = f"moves by {each.shift:+.2g}" if each.moves else same
            what = f"takes {each.slowdown:.2f} times as long and its metric {metric}"
        said.append(f"{each.slots} slots: a run beside {others} {what}")
    return f"{'; '.join(said)}; {fair_slots(beside)} is fair"


def _say_live(found: LiveCheckup, settings: Settings, console: Console) -> None:
    from overnight.fleet.limits import is_limit
    from overnight.goal.durations import format_duration

    live = settings.live
    assert live is not None, "only a live goal is checked like this"
    first = "once you have approved it" if live.approve == "human" else "without asking you (`approve: auto`)"
    lines = [
        ("metric", f"{settings.metric}, {settings.direction} is better"),
        ("measured by", f"people, as `{live.measure}` counts them"),
        ("goes out by", f"`{live.deploy}`, {first}; for {format_duration(live.window)} at most"),
        ("decided", f"when {live.min_samples:,} people have met each version, not before"),
        ("may change", ", ".join(found.may_change)),
        ("may not", _frozen_words(found.frozen_files)),
        ("tried now", "the guards that are commands" if not all(map(is_limit, settings.guards)) else "nothing"),
    ]  # fmt: skip
    _say_all(lines, found.advice, console)
    console.print("(Nothing was deployed or counted. A session begins by showing the baseline beside itself.)")


def _frozen_words(files: int) -> str:
    others = "the other file" if files == 1 else f"the other {files:,} files"
    return f"{others} that git tracks" if files else "nothing"


def _say_all(lines: list[tuple[str, str]], advice: tuple[str, ...], console: Console) -> None:
    console.print()
    for name, words in lines:
        console.print(f"{name:<13} {words}")
    console.print()
    for each in advice:
        console.print(f"! {each}")
    console.print("Nothing stands in the way." if not advice else "It can start as it is.", end=" ")
    console.print("Next: overnight run")


def _measured_by(settings: Settings) -> str:
    if settings.self_reported:
        return "self-reported: the run prints its own metric, and a change could print a better one"
    return f"`{settings.score or settings.compare}`, which no change can touch"
