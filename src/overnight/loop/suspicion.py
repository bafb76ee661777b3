"""What looks too good: reasons to measure a winner again, as `overnight verify` would, and to show it to a person."""

from __future__ import annotations

import difflib
import re
import statistics
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from overnight.goal.settings import Settings
from overnight.judge.scale import Scale
from overnight.ledger.history import History
from overnight.ledger.records import Measured, Proposed
from overnight.loop.project import Project
from overnight.runs.sandbox import words_of

_FAR = 5.0
"""Times the largest effect seen so far, helpful or harmful."""
_SEEN = 8
"""Experiments with a metric, before which nothing is called unusual."""
_LARGE = 0.5
"""Of the metric before: more than this at once is rare anywhere."""
_SHORT = 0.5
"""Of the usual time of a run."""
_SHORT_SECONDS = 0.5
_RECENT = 200


def suspicions(
    project: Project, settings: Settings, history: History, proposed: Proposed, before: float, gain: float
) -> tuple[str, ...]:
    """Why a winner is suspicious, each in words; most are not. `gain` is over the metric `before`."""
    runs = [run for run in history.runs(proposed.number) if run.role == "candidate" and run.value is not None]
    return (
        *_mentions(project, settings, proposed),
        *_at_the_bound(settings, history, runs),
        *_far_outside(history, proposed.number, before, gain),
        *_short(settings, history, runs),
    )


def _mentions(project: Project, settings: Settings, proposed: Proposed) -> Iterator[str]:
    """What it writes names the scorer, or what only the scorer may see."""
    commands = (settings.score, settings.verify, settings.compare)
    words = {PurePosixPath(word).name for command in commands for word in words_of(command or "")}
    frozen = {PurePosixPath(path).name for path in project.repository.tracked(project.base)}
    hidden = {PurePosixPath(name).name for name in settings.hidden}
    added = "\n".join(_added(project, proposed))
    for name in sorted((words & frozen) | hidden):
        # As a path or a part of one: a word such as `labels` may be anything else.
        if re.search(rf"[\"'/]{re.escape(name)}(?!\w)|(?<!\w){re.escape(name)}/", added):
            yield f"it mentions {name}"


def _added(project: Project, proposed: Proposed) -> Iterator[str]:
    old, new = (project.edit_files(commit) for commit in (proposed.parent, proposed.commit or proposed.parent))
    for path, content in new.items():
        before, after = (text.decode("utf-8", errors="replace").splitlines() for text in (old.get(path, b""), content))
        yield from (line[2:] for line in difflib.ndiff(before, after) if line.startswith("+ "))


def _at_the_bound(settings: Settings, history: History, runs: Sequence[Measured]) -> Iterator[str]:
    """It is as good as the metric can be, which the baseline was not."""
    started = [run.value for run in history.baseline_runs() if run.value is not None]
    values = [run.value for run in runs if run.value is not None]
    if not values or not started:
        return
    bounds = (0.0,) if settings.direction == "lower" and min(started) > 0 else ()
    if settings.direction == "higher" and min(started) >= 0 and max(started) <= 100:
        bounds = (1.0,) if max(started) < 1 else (100.0,) if 1 < max(started) < 100 else ()
    if values[0] in bounds:
        yield f"{settings.metric} is {values[0]:g}, as good as it can be"


def _far_outside(history: History, number: int, before: float, gain: float) -> Iterator[str]:
    seen = [abs(judged.gain) for judged in history.judged_last(_RECENT) if judged.gain and judged.number != number]
    if len(seen) >= _SEEN and gain > _FAR * max(seen):
        yield f"a gain of {gain:.3g} is far more than any effect before it (at most {max(seen):.3g})"
    elif before and gain > _LARGE * abs(before):
        yield f"a gain of {gain:.3g} over {before:.6g} at once is unusual"


def _short(settings: Settings, history: History, runs: Sequence[Measured]) -> Iterator[str]:
    """Its run was much shorter than those before, and time is not what is measured."""
    usual = [run.wall_seconds for run in history.baseline_runs()]
    if not runs or not usual or Scale.of(settings.metric, settings.direction, [1.0]).kind == "log":
        return
    typical, own = statistics.median(usual), runs[0].wall_seconds
    if own < _SHORT * typical and typical - own > _SHORT_SECONDS:
        yield f"its run took {own:.3g} s where {typical:.3g} s are usual"
