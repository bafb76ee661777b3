"""Guards that are limits on a version's own numbers, such as `peak_mb < 4000`; all others are commands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_LIMIT = re.compile(
    r"\s*(?P<name>[\w./@%-]+)\s*(?P<operator><=|>=|<|>|==)\s*(?P<bound>[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*"
)


def is_limit(guard: str) -> bool:
    """Whether a guard is a limit, and no command."""
    return _LIMIT.fullmatch(guard) is not None


def limited(guards: Iterable[str]) -> set[str]:
    """The names of the numbers that have a limit."""
    return {limit["name"] for guard in guards if (limit := _LIMIT.fullmatch(guard))}


def broken_limit(guards: Iterable[str], metrics: Mapping[str, float]) -> str | None:
    """The first limit that does not hold, in words; None when all do."""
    for guard in guards:
        limit = _LIMIT.fullmatch(guard)
        problem = _beyond(limit, metrics) if limit else None
        if problem:
            return f"guard `{guard}` {problem}"
    return None


def _beyond(limit: re.Match[str], metrics: Mapping[str, float]) -> str | None:
    name, operator, bound = limit["name"], limit["operator"], float(limit["bound"])
    value = metrics.get(name)
    if value is None:
        return f"cannot be checked: `{name}` was never printed"
    holds = {"<": value < bound, "<=": value <= bound, ">": value > bound, ">=": value >= bound, "==": value == bound}
    return None if holds[operator] else f"did not hold: it is {value:.6g}"
