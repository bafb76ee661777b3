"""What agents report in JSON, read with no trust in its shape."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_LONGEST = 20_000


def objects(printed: str) -> Iterator[dict[str, Any]]:
    """Every JSON object that has a line of its own."""
    for line in printed.splitlines():
        if (found := _object(line)) is not None:
            yield found


def last_object(printed: str, **wanted: str) -> dict[str, Any] | None:
    """The last of them in which the keys have the wanted values; also one that is spread over all the lines."""
    found = None
    for candidate in objects(printed):
        if all(candidate.get(key) == value for key, value in wanted.items()):
            found = candidate
    if found is None and (start := printed.find("{")) >= 0:
        whole = _object(printed[start : printed.rfind("}") + 1])
        if whole is not None and all(whole.get(key) == value for key, value in wanted.items()):
            found = whole
    return found


def _object(line: str) -> dict[str, Any] | None:
    if not line.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def number(value: object) -> float | None:
    """A count or an amount; None where it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0:
        return float(value)
    return None


def count(value: object) -> int | None:
    """A whole number; None where it is none."""
    found = number(value)
    return int(found) if found is not None else None


def total(counts: Iterable[int | None]) -> int | None:
    """The sum of those that are known; None where none is."""
    known = [each for each in counts if each is not None]
    return sum(known) if known else None


def inside(report: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """The object below the keys; an empty one where there is none."""
    found: Any = report
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def text(value: object) -> str:
    """Words; "" where it is none."""
    return value[:_LONGEST] if isinstance(value, str) else ""
