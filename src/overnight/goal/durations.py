"""Lengths of time as people write them: `90s`, `5m`, `1h30m`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)[a-z]*\s*")


def parse_duration(text: object) -> float:
    """Seconds in `90`, `90s`, `1.5m`, `5 minutes`, `1h30m`, `7d`. Raises ValueError for anything else."""
    if (isinstance(text, int | float) and not isinstance(text, bool)) or (
        isinstance(text, str) and re.fullmatch(r"\s*\d+(\.\d+)?\s*", text)
    ):
        seconds = float(text)
    elif isinstance(text, str) and re.fullmatch(rf"(?:{_DURATION.pattern})+", text.lower()):
        seconds = sum(float(n) * _UNITS[unit] for n, unit in _DURATION.findall(text.lower()))
    else:
        raise ValueError(f"cannot read {text!r} as a length of time; write 90s, 5m, 1h30m or 7d")
    if not 0 < seconds < float("inf"):
        raise ValueError("a length of time must be more than zero")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest exact spelling that `parse_duration` reads back: 300 → `5m`, 90 → `90s`, 0.5 → `500ms`."""
    for unit in ("d", "h", "m"):
        count = seconds / _UNITS[unit]
        if count >= 1 and count == int(count):
            return f"{int(count)}{unit}"
    number, unit = (seconds, "s") if seconds >= 1 else (seconds * 1000, "ms")
    return f"{int(number)}{unit}" if number == int(number) else f"{number}{unit}"


Seconds = Annotated[float, BeforeValidator(parse_duration)]
"""A setting that is a length of time."""
