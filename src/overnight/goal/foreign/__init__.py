"""Other people's problems: a folder in the format of another program, read as it is. Nothing in it is run or changed.

Each format is a file here with one function `recognise`. What it finds goes through the same questions as what a
document says: a setting that is not found is asked for, one that is found is shown with where it came from.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from overnight.goal.foreign import autoresearch, metric_script, openevolve, pi, shinka
from overnight.goal.foreign.problem import Problem

__all__ = ["Problem", "recognise"]

_FORMATS: tuple[Callable[[Path], Problem | None], ...] = (
    openevolve.recognise,
    shinka.recognise,
    pi.recognise,
    autoresearch.recognise,
    metric_script.recognise,
)


def recognise(folder: Path) -> Problem | None:
    """What problem the folder holds; None where it is in no known format."""
    return next((problem for recognised in _FORMATS if (problem := recognised(folder))), None)
