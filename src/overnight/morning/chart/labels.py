"""Where the names of the kept changes go in the chart, so that all that are shown can be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from overnight.morning.plain import columns, shortened

_COLUMN = 0.6
"""An average letter's width, in font sizes; a little more than it is in most fonts."""
_LINE = 1.3
_GAP = 6.0
_LEVELS = 12
"""How many lines away from its dot a name may stand."""
_WIDTHS = (42, 30, 20)
"""Columns: a name that finds no place is tried shorter."""
_CROSSES_LINE, _WRONG_SIDE, _HIDES_DOT, _SHORTER = 9.0, 1.5, 0.35, 3.0


@dataclass(frozen=True)
class Box:
    """A rectangle in the picture's units; y grows downward."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        """Whether they share any area."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def holds(self, other: Box) -> bool:
        """Whether the other lies within it."""
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


@dataclass(frozen=True)
class Label:
    """One name beside a thin pole that stands on its dot."""

    number: int
    text: str
    x: float
    y: float
    """The text's baseline."""
    anchor: Literal["start", "end"]
    pole: Box
    """From the dot to the name; without height where the name is right beside the dot."""
    box: Box


@dataclass(frozen=True)
class Named:
    """A dot that wants a name."""

    number: int
    x: float
    y: float
    text: str


def place(
    wanted: Sequence[Named],
    plot: Box,
    *,
    taken: Sequence[Box],
    line: Sequence[Box],
    dots_in: Callable[[Box], float],
    font: float,
    free_side: Literal["above", "below"],
) -> list[Label]:
    """Give each dot a name, the most important first; what finds no place gets none.

    Names overlap neither each other nor `taken`; they avoid `line` and dots. `free_side` is where few dots are.
    """
    placed: list[Label] = []
    blocked = list(taken)
    for named in wanted:
        options = [
            (cost + _cost(label, line, dots_in), label)
            for cost, label in _options(named, font, free_side)
            if plot.holds(label.box)
            and not any(label.box.overlaps(box) for box in blocked)
            and not any(label.pole.overlaps(other.box) for other in placed)
        ]
        if not options:
            continue
        _, best = min(options, key=lambda option: option[0])
        placed.append(best)
        blocked += [best.box, best.pole]
    return placed


def _options(named: Named, font: float, free_side: str) -> list[tuple[float, Label]]:
    """Every place that a name may take, with what is bad about it in itself."""
    options = []
    height = _LINE * font
    for shorter, width in enumerate(_WIDTHS):
        text = shortened(named.text, width)
        if shorter and text == shortened(named.text, _WIDTHS[shorter - 1]):
            continue
        wide = columns(text) * _COLUMN * font
        for level in range(_LEVELS):
            for side in ("above", "below"):
                way = 1 if side == "below" else -1
                middle = named.y + way * (0.75 * height + level * height)
                pole = Box(named.x - 0.5, min(named.y, middle), named.x + 0.5, max(named.y, middle))
                for anchor in ("start", "end"):
                    x = named.x + (_GAP if anchor == "start" else -_GAP)
                    left = x if anchor == "start" else x - wide
                    box = Box(left, middle - height / 2, left + wide, middle + height / 2)
                    cost = level + _WRONG_SIDE * (side != free_side) + _SHORTER * shorter
                    place_of_text: Literal["start", "end"] = "start" if anchor == "start" else "end"
                    options.append((cost, Label(named.number, text, x, middle + 0.35 * font, place_of_text, pole, box)))
    return options


def _cost(label: Label, line: Sequence[Box], dots_in: Callable[[Box], float]) -> float:
    crossed = sum(label.box.overlaps(piece) for piece in line)
    return _CROSSES_LINE * (crossed > 0) + _HIDES_DOT * min(dots_in(label.box), 20.0)
