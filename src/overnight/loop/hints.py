"""What to tell the user about a baseline that cannot be begun with: why, and what its output says to do about it."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from overnight.errors import GoalError
from overnight.folders import files_named
from overnight.ledger.records import Measured
from overnight.loop.project import Project
from overnight.loop.state import State
from overnight.runs.logs import score_log
from overnight.runs.output import of_the_run


def baseline_error(project: Project, measured: Measured) -> GoalError:
    """What to tell the user about a baseline without a metric: the reason, and the end of what it printed."""
    goal = project.goal
    if measured.outcome == "timeout":
        key, hint = "budget", "give it a longer `budget:` (or `kill_at:`), or let it stop by itself in time"
    elif measured.exit_code == 0 and not _scorer_failed(measured):
        key = "score" if goal.settings.score else "metric"
        name = goal.settings.metric
        lines = f"lines `candidate.{name}: NUMBER` and `incumbent.{name}: NUMBER`" if goal.settings.compare else None
        hint = f"print {lines or f'a line `{name}: NUMBER`'}, or name one of the printed numbers as `metric:`"
    else:
        key = "compare" if goal.settings.compare else "score" if _scorer_failed(measured) else "run"
        hint = "it must work as it is before it can be improved" + _hint(project, measured)
    metric, printed = goal.settings.metric, _printed(project, measured)
    return GoalError([f"{goal.at(key)}: the baseline gives no `{metric}`: {measured.reason}; {hint}{printed}"])


def _printed(project: Project, measured: Measured) -> str:
    """The end of what was printed; of what may tell of what is hidden, only where it is: an assistant may hear this."""
    settings, told, where = project.goal.settings, measured.output_tail, ""
    if settings.hidden:
        told = of_the_run(told)
        log = State.of(project.goal.folder).folder / (measured.output or "")
        log = log if settings.compare else score_log(log)
        where = f"\n  what it was measured by printed more: {log}" if log.is_file() else ""
    tail = "\n".join(f"    {line}" for line in told.splitlines()[-15:])
    return (f"\n  the end of its output:\n{tail}" if tail else "\n  it printed nothing") + where


def guard_error(project: Project, broken: str) -> GoalError:
    """What to tell the user about a guard that does not hold for the baseline; `broken` says which."""
    return GoalError([f"{project.goal.at('guards')}: the baseline itself fails: {broken}"])


def _scorer_failed(measured: Measured) -> bool:
    return measured.reason.startswith("the scorer ")


def _hint(project: Project, measured: Measured) -> str:
    """What the end of its output says about a run that lacks what its author has."""
    printed = measured.output_tail
    if here := _not_committed(project, printed):
        return f". Runs see what is committed; {here} is not: commit it, or let runs read it by `read: {here}`"
    if os.strerror(errno.EROFS) in printed:
        return ". Runs may write only to the folder OVERNIGHT_ARTIFACTS and to TMPDIR"
    if any(words in printed for words in _NO_NETWORK):
        if _scorer_failed(measured):
            return ". The scorer has no network unless goal.md says `score_network: true`"
        return ". Runs have no network unless goal.md says `run_network: true`"
    if hidden := _hidden(project, printed):
        return f". Runs see nothing outside the project but programs: let them read it by `read: {hidden}`"
    return ""


def _hidden(project: Project, printed: str) -> str:
    """What a line names as not there that is there, outside of the folder; programs are, for runs too."""
    lines = "\n".join(line for line in printed.splitlines() if os.strerror(errno.ENOENT) in line)
    named = [Path(path) for path in re.findall(r"/[\w.@+-]+(?:/[\w.@+-]+)+", lines)]
    outside = [path for path in named if path.exists() and not path.is_relative_to(project.goal.folder)]
    return next((str(path) for path in reversed(outside) if path.is_dir() or not os.access(path, os.X_OK)), "")


def uncommitted(project: Project, printed: str) -> str:
    """What a frozen command says about a file that it lacks."""
    here = _not_committed(project, printed)
    return f". It sees what is committed; {here} is not: commit it" if here else ""


def _not_committed(project: Project, printed: str) -> str:
    """The first file or folder of the goal's that is named in what was printed and that git does not have."""
    tracked = set(project.repository.tracked(project.base))
    known = {path.split("/")[0] for path in tracked}
    names = (entry.name for entry in project.goal.folder.iterdir() if not entry.name.startswith("."))
    if name := next((name for name in sorted(names) if name not in known and name in printed), ""):
        return name
    inside = files_named(re.findall(r"[\w.@+-]+(?:/[\w.@+-]+)+", printed), project.goal.folder)
    return next((path for path in inside if path not in tracked), "")


_NO_NETWORK = (os.strerror(errno.ENETUNREACH), "name resolution", "Name or service not known", "getaddrinfo")
