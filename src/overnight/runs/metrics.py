"""Numbers in what a program prints: `name: 1.5`, `name=1.5`, `METRIC name=1.5`, or a line of JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping

from overnight.goal.settings import PREFERENCE

USAGE = ("wall_seconds", "cpu_seconds", "peak_mb")
"""What is measured of every run, and needs not be printed."""
_GROUPED = r"[1-9]\d{0,2}(?:,\d{3})+(?!\d)"
_NUMBER = rf"[-+]?(?:(?:{_GROUPED}|\d+(?:_\d+)*)\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf(?:inity)?)"
# A unit may follow at once (12ms, 3%), but 1.2.3, 10:30, 2024-01-02 and, for whom a comma is a point, 3,14 are none.
_END = r"(?:%|[munµ]?s|[kKMGT]?i?[bB]|x)?(?![\w.:\-]*\w|,\d)"
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_VALUE = rf"(?P<value>{_NUMBER})(?:\s?/\s?(?P<of>{_GROUPED}|\d+(?:\.\d+)?))?{_END}"
_NAME = r"[A-Za-z_][\w./@%\-]{0,99}"
_SECONDARY_LIMIT = 500


SIDES = ("candidate", "incumbent")
"""What a comparison puts before the names of its numbers."""


class Rate(float):
    """A rate that was printed with its counts, such as `31/400`."""

    successes: float
    trials: float

    @classmethod
    def of(cls, successes: float, trials: float) -> Rate:
        """`successes` in `trials`; not a number where there were none."""
        rate = cls(successes / trials if trials else math.nan)
        rate.successes, rate.trials = successes, trials
        return rate


def _pattern(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w./@%\-])(?P<name>{name})[\"']?\s*[:=]\s*{_VALUE}", re.IGNORECASE)


_ANY = _pattern(_NAME)


def numbers_in(text: str, *metrics: str) -> dict[str, float]:
    """Every number that `text` gives a name, the last of each name; NaN and infinity included.

    `31/400` is a `Rate`, 0.0775. `metrics` are matched literally, so that their names may hold any character.
    """
    found: dict[str, float] = {}
    literal = [re.compile(_pattern(re.escape(metric)).pattern) for metric in metrics]
    for line in _COLOUR.sub("", text).splitlines():
        stripped = line.strip()
        if stripped.startswith("{") and (numbers := _from_json(stripped)) is not None:
            found.update(numbers)
        elif ":" in stripped or "=" in stripped:
            found.update(_from_words(stripped, _ANY))
            for pattern in literal:
                found.update(_from_words(stripped, pattern))
        if len(found) > 2 * _SECONDARY_LIMIT:
            found = _newest(found, metrics)
    return _newest(found, metrics) if len(found) > _SECONDARY_LIMIT else found


def read_metric(name: str, numbers: Mapping[str, float], *, discreet: bool = False) -> tuple[float | None, str]:
    """The metric, or None and the reason why there is none, in one sentence; a `discreet` one names no other number."""
    value = numbers.get(name)
    if value is None and discreet:
        return None, f"`{name}` was never printed"
    if value is None:
        others = ", ".join(sorted(other for other in numbers if math.isfinite(numbers[other]))[:10])
        printed = f"it did print {others}" if others else "it printed no number with a name"
        return None, f"`{name}` was never printed; {printed}"
    if not math.isfinite(value):
        return None, f"`{name}` was {value}, which is no measurement"
    return value, ""


def read_pair(
    name: str, numbers: Mapping[str, float], *, discreet: bool = False
) -> tuple[float | None, float | None, str]:
    """The candidate's and the incumbent's metric of a comparison, or None for both and the reason why (see
    `read_metric`).

    Of a preference (`wins`, with `ties` where there are any) they are the candidate's share, ties counted half, and
    the half that equals would have.
    """
    pair = []
    for side in SIDES:
        value, problem = read_metric(f"{side}.{name}", numbers, discreet=discreet)
        if value is None:
            return None, None, problem
        pair.append(value)
    if name != PREFERENCE:
        return pair[0], pair[1], ""
    ties = numbers.get("ties", 0.0)
    counts = [value.successes if isinstance(value, Rate) else value for value in pair]
    if not all(count >= 0 and count == int(count) for count in (*counts, ties) if math.isfinite(count)):
        return None, None, "wins and ties must be whole numbers"
    trials = sum(counts) + ties
    if not 0 < trials < math.inf:
        return None, None, "nothing was won, lost or tied"
    return Rate.of(counts[0] + ties / 2, trials), 0.5, ""


def _from_words(line: str, pattern: re.Pattern[str]) -> dict[str, float]:
    return {match["name"]: _number(match["value"], match["of"]) for match in pattern.finditer(line[:10_000])}


def _number(value: str, of: str | None) -> float:
    plain = float(value.replace(",", ""))
    return plain if of is None else Rate.of(plain, float(of.replace(",", "")))


def _from_json(line: str) -> dict[str, float] | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    numbers = {}
    for name, value in data.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                numbers[name] = float(value)
            except OverflowError:
                numbers[name] = math.inf
    return numbers


def _newest(found: dict[str, float], metrics: Iterable[str]) -> dict[str, float]:
    """The last names only: a program that prints a million names must not fill the memory."""
    kept = dict(list(found.items())[-_SECONDARY_LIMIT:])
    kept.update({metric: found[metric] for metric in metrics if metric in found})
    return kept
