"""Numbers in what a program prints: `name: 1.5`, `name=1.5`, `METRIC name=1.5`, or a line of JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

_NUMBER = r"[-+]?(?:\d+(?:_\d+)*\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|inf(?:inity)?)"
# A unit may follow at once (12ms, 3%), but 1.2.3, 10:30 and 2024-01-02 are no numbers.
_END = r"(?:%|[munµ]?s|[kKMGT]?i?[bB]|x)?(?![\w.:\-]*\w)"
_VALUE = rf"(?P<value>{_NUMBER})(?:\s?/\s?(?P<of>\d+(?:\.\d+)?))?{_END}"
_NAME = r"[A-Za-z_][\w./@%\-]{0,99}"
_SECONDARY_LIMIT = 500


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


def numbers_in(text: str, metric: str | None = None) -> dict[str, float]:
    """Every number that `text` gives a name, the last of each name; NaN and infinity included.

    `31/400` is a `Rate`, 0.0775. `metric` is matched literally, so that its name may hold any character.
    """
    found: dict[str, float] = {}
    literal = re.compile(_pattern(re.escape(metric)).pattern) if metric else None
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("{") and (numbers := _from_json(stripped)) is not None:
            found.update(numbers)
        elif ":" in stripped or "=" in stripped:
            found.update(_from_words(stripped, _ANY))
            if literal is not None:
                found.update(_from_words(stripped, literal))
        if len(found) > 2 * _SECONDARY_LIMIT:
            found = _newest(found, metric)
    return _newest(found, metric) if len(found) > _SECONDARY_LIMIT else found


def read_metric(name: str, numbers: Mapping[str, float]) -> tuple[float | None, str]:
    """The metric, or None and the reason why there is none, in one sentence."""
    value = numbers.get(name)
    if value is None:
        others = ", ".join(sorted(other for other in numbers if math.isfinite(numbers[other]))[:10])
        printed = f"it did print {others}" if others else "it printed no number with a name"
        return None, f"`{name}` was never printed; {printed}"
    if not math.isfinite(value):
        return None, f"`{name}` was {value}, which is no measurement"
    return value, ""


def _from_words(line: str, pattern: re.Pattern[str]) -> dict[str, float]:
    return {match["name"]: _number(match["value"], match["of"]) for match in pattern.finditer(line[:10_000])}


def _number(value: str, of: str | None) -> float:
    return float(value) if of is None else Rate.of(float(value), float(of))


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


def _newest(found: dict[str, float], metric: str | None) -> dict[str, float]:
    """The last names only: a program that prints a million names must not fill the memory."""
    kept = dict(list(found.items())[-_SECONDARY_LIMIT:])
    if metric is not None and metric in found:
        kept[metric] = found[metric]
    return kept
