"""The chart's points, thinned out to what a screen can show: however long the night, a few thousand dots."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from overnight.ledger.history import History
from overnight.ledger.records import Verdict
from overnight.morning.chart.stairs import Stairs

MOST_DOTS = 4000
_KINDS: dict[Verdict, int] = {"discard": 0, "no_change": 0, "keep": 1, "baseline": 1}
NOT_BETTER, KEPT, FAILED = 0, 1, 2
_DIGITS = 7


@dataclass(frozen=True)
class _Points:
    numbers: npt.NDArray[np.int64]
    metrics: npt.NDArray[np.float64]
    befores: npt.NDArray[np.float64]
    """The metric without the change, NaN where nobody said."""
    kinds: npt.NDArray[np.int8]

    def between(self, first: int, last: int) -> _Points:
        a, b = np.searchsorted(self.numbers, first), np.searchsorted(self.numbers, last, side="right")
        return self.only(np.arange(a, b))

    def only(self, which: npt.NDArray[Any]) -> _Points:
        return _Points(self.numbers[which], self.metrics[which], self.befores[which], self.kinds[which])

    def on(self, steps: dict[str, list[Any]]) -> _Points:
        """Each dot on the line of its own time, by its own effect.

        A verdict that later runs have turned compares with the incumbent of then, not with that of its number.
        """
        if not steps["numbers"]:
            return self
        place = np.searchsorted(steps["numbers"], self.numbers) - 1
        moved = np.array(steps["metrics"])[np.maximum(place, 0)] + self.metrics - self.befores
        stays = (self.kinds == FAILED) | np.isnan(moved)
        return _Points(self.numbers, np.where(stays, self.metrics, moved), self.befores, self.kinds)


class Chart:
    """All dots of one session, read from the ledger once and then only what is new. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._session = ""
        self._upto = 0
        self._dots: dict[int, tuple[int, float, float]] = {}
        self._points: _Points | None = None

    def drawn(self, history: History, *, first: int, last: int | None, columns: int) -> dict[str, Any]:
        """The dots from experiment `first` to `last` (None: the newest) for a chart that is `columns` pixels wide."""
        with self._lock:
            self._catch_up(history)
            points = self._points or _points(self._dots)
            self._points = points
        newest = int(points.numbers[-1]) if len(points.numbers) else 0
        last = newest if last is None else last
        steps = _steps(Stairs.of(history))
        points = points.on(steps)
        shown = points.between(first, last)
        thinned = shown.only(_chosen(shown, first, max(last, first + 1), columns))
        low, high = _shown_range(steps["metrics"] or [], shown)
        return {
            "numbers": thinned.numbers.tolist(),
            "metrics": [_short(value) for value in thinned.metrics.tolist()],
            "kinds": thinned.kinds.tolist(),
            "steps": {name: [_short(value) for value in values] for name, values in steps.items()},
            "of": len(shown.numbers),
            "newest": newest,
            "low": _short(low),
            "high": _short(high),
        }

    def _catch_up(self, history: History) -> None:
        if history.session != self._session:
            self._session, self._upto, self._dots, self._points = history.session, 0, {}, None
        for event_id, number, verdict, metric, before in history.dots_after(self._upto):
            known = [np.nan if value is None else value for value in (metric, before)]
            self._dots[number] = (_KINDS.get(verdict, FAILED), known[0], known[1])
            self._upto, self._points = event_id, None


def _points(dots: dict[int, tuple[int, float, float]]) -> _Points:
    numbers = np.array(sorted(dots), dtype=np.int64)
    found = np.array([dots[number] for number in numbers.tolist()], dtype=np.float64).reshape(-1, 3)
    return _Points(numbers, found[:, 1], found[:, 2], found[:, 0].astype(np.int8))


def _steps(stairs: Stairs) -> dict[str, list[Any]]:
    """The incumbent: each kept metric holds until the next keep, with its interval where it is known."""
    bands = [band or (level, level) for band, level in zip(stairs.bands, stairs.metrics, strict=True)]
    return {
        "numbers": stairs.numbers,
        "metrics": stairs.metrics,
        "lows": [low for low, _ in bands],
        "highs": [high for _, high in bands],
    }


def _chosen(points: _Points, first: int, last: int, columns: int) -> npt.NDArray[np.int64]:
    """The places of the dots that are drawn: every keep, of each pixel column the extremes, and an even choice of the
    rest, as far as there is room."""
    count = len(points.numbers)
    if count <= MOST_DOTS:
        return np.arange(count)
    column = (points.numbers - first) * columns // (last - first + 1)
    kept = np.flatnonzero(points.kinds == KEPT)[-MOST_DOTS:]
    extremes = [_first_in_each(column, np.flatnonzero(points.kinds == FAILED))]
    measured = np.flatnonzero((points.kinds == NOT_BETTER) & ~np.isnan(points.metrics))
    for sign in (1, -1):
        order = measured[np.lexsort((sign * points.metrics[measured], column[measured]))]
        extremes.append(_first_in_each(column, order))
    must = np.union1d(kept, np.concatenate(extremes))
    if len(must) > MOST_DOTS:
        thin = np.setdiff1d(must, kept)
        room = max(MOST_DOTS - len(kept), 0)
        return np.union1d(kept, thin[:: max(1, -(-len(thin) // room))] if room else kept)
    rest = np.setdiff1d(np.arange(count), must, assume_unique=True)
    room = MOST_DOTS - len(must)
    return np.union1d(must, rest[:: -(-len(rest) // room)] if room and len(rest) else must)


def _first_in_each(column: npt.NDArray[np.int64], order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The first of each column, of places that stand in the order of their columns."""
    if not len(order):
        return order
    changes = np.flatnonzero(np.diff(column[order])) + 1
    return order[np.concatenate(([0], changes))]


def _shown_range(stairs: list[float], points: _Points) -> tuple[float | None, float | None]:
    """The metrics worth showing: hopeless candidates must not squeeze the stairs into one line."""
    inside = points.metrics[~np.isnan(points.metrics)]
    if not stairs:
        return None, None
    low, high = min(stairs), max(stairs)
    span = (high - low) or abs(low) * 0.05 or 1.0
    near = inside[(inside >= low - span) & (inside <= high + span)]
    if len(near):
        low, high = min(low, float(near.min())), max(high, float(near.max()))
    room = 0.06 * ((high - low) or span)
    return low - room, high + room


def _short(value: float | None) -> float | None:
    """As many digits as a screen can show; JSON has no NaN."""
    if value is None or np.isnan(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.{_DIGITS}g}")
