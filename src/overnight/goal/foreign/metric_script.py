"""A plain script that prints `METRIC name=value`."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from overnight.errors import OvernightError
from overnight.goal.foreign.problem import Problem, by_key, known
from overnight.goal.suggest import beginning_of, launched, listed

_METRIC = re.compile(r"\bMETRIC\s+([A-Za-z_][\w./-]*)=")


def recognise(folder: Path) -> Problem | None:
    """The problem in `folder`, if one script there prints such lines."""
    scripts = [path for path in listed(folder) if len(path.parts) == 1 and is_script(folder / path)]
    if len(scripts) > 1:
        names = ", ".join(path.name for path in scripts)
        raise OvernightError(f"--from: several scripts in {folder} print METRIC lines ({names}); name the one")
    return of_script(folder, scripts[0]) if scripts else None


def is_script(file: Path) -> bool:
    """Whether it can be run and prints such lines."""
    text = beginning_of(file)
    can_be_run = launched(file.parent, file.name) is not None or text.startswith("#!")
    return can_be_run and _METRIC.search(text) is not None


def of_script(folder: Path, script: Path) -> Problem:
    """The problem that a script measures; `script` is relative to `folder`."""
    named = script.as_posix()
    path = shlex.quote(named if "/" in named else f"./{named}")
    command = launched(folder, named) or (path if os.access(folder / script, os.X_OK) else f"sh {path}")
    metrics = list(dict.fromkeys(_METRIC.findall(beginning_of(folder / script))))
    return Problem(
        "a script that prints METRIC lines",
        by_key(
            known("run", command, f"{named} prints METRIC {metrics[0]}=…"),
            known("metric", metrics[0], f"it is the only one that {named} prints") if len(metrics) == 1 else None,
        ),
        frozen=(named,),
    )
