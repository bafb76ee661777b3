"""What to do next at one place, given what was seen there: which way, how far, and what it promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from overnight.propose.literals import switched
from overnight.propose.literals.numbers import is_fraction, names_fraction, octaves_between, step
from overnight.propose.literals.place import Place

_MOST_SEEN = 8
_LONGEST_STEP = 2.0
_SHORTEST_STEP = 0.08  # about 6 %: less is noise in nearly every metric
_LEAST_BEYOND = 0.5
"""As far as it goes on from the best value known, where only worse ones are known, all on one side."""
_LADDER = (1.0, 0.5, 2.0, 0.25, 3.0, 0.125)
"""Steps in doublings (octaves): all that is tried at a number when nothing better is known."""


@dataclass(frozen=True)
class Move:
    """One edit of one place and the gain it promises, in units of the gains usual so far."""

    place: Place
    new: str
    promise: float


@dataclass
class _Seen:
    """One value that a place had: where it lies, how good it was, and how many keeps ago that was measured."""

    offset: float
    """Doublings above the first value seen here."""
    quality: float | None
    """Better is larger; None for a value that crashed or broke a rule."""
    kept_before: int


@dataclass
class Experience:
    """What one place taught. It holds the last few values, so it is as small after 700 experiments as after 10."""

    seen: dict[str, _Seen] = field(default_factory=dict)

    def learn(self, old: str, new: str, octaves: float, gain: float | None, kept: bool, kept_before: int) -> None:
        """Take in that `old` became `new` and how that ended; `gain` is None where there was no metric."""
        before = self.seen.get(old)
        if before is None or before.quality is None:
            # Somebody else changed this place: what was known about its surroundings is about another program.
            self.seen = {old: (before := _Seen(0.0, 0.0, kept_before))}
        quality = None if gain is None else (before.quality or 0.0) + gain
        self.seen.pop(new, None)
        self.seen[new] = _Seen(before.offset + octaves, quality, kept_before)
        if len(self.seen) > _MOST_SEEN:
            centre = self.seen[new if kept else old].offset
            others = [text for text in self.seen if text not in {old, new}]
            self.seen.pop(max(others, key=lambda text: abs(self.seen[text].offset - centre)))


@dataclass(frozen=True)
class Outlook:
    """What the whole search knows when it weighs one place against another."""

    usual_gain: float
    noise: float
    keeps: int
    random: Random


def promising_moves(place: Place, experience: Experience, outlook: Outlook) -> Iterator[Move]:
    """The moves worth making now, if any."""
    if place.kind == "number":
        crashed = {text for text, seen in experience.seen.items() if seen.quality is None}
        yield from (move for move in _number_moves(place, experience, outlook) if move.new not in crashed)
    else:
        for new in _others(place):
            yield Move(place, new, _switch_promise(place, experience, new, outlook))


def remaining_moves(place: Place) -> Iterator[Move]:
    """Every move there is at this place: what is left when nothing is promising any more."""
    if place.kind != "number":
        return
    for octaves in _LADDER:
        for signed in (octaves, -octaves):
            yield from _step(place, signed, place.weight * octaves)
    if is_fraction(place.label, place.text) and not names_fraction(place.label):
        # It may be no fraction after all: a threshold of 0.9 can well be 1.8.
        doubled = step(place.text, 1.0)
        yield from [Move(place, doubled, place.weight)] if doubled else []


def _others(place: Place) -> list[str]:
    if place.kind == "boolean":
        return [switched(place.text)]
    return [text for text in place.alternatives if text != place.text]


def _switch_promise(place: Place, experience: Experience, new: str, outlook: Outlook) -> float:
    seen = experience.seen.get(new)
    now = experience.seen.get(place.text)
    if seen is None:
        return place.weight
    # What else was kept since may have changed the answer, also a bad one: decay hurts a rate that is too low already.
    again = 0.5 * min(1.0, (outlook.keeps - seen.kept_before) / 3) * place.weight
    if seen.quality is None:
        return 0.3 * again
    loss = ((now.quality or 0.0) if now else 0.0) - seen.quality
    return again / (1 + 0.1 * max(0.0, loss) / outlook.usual_gain)


def _number_moves(place: Place, experience: Experience, outlook: Outlook) -> Iterator[Move]:
    now = experience.seen.get(place.text)
    if now is None or now.quality is None:
        way = outlook.random.choice((1.0, -1.0))
        yield from _step(place, way, place.weight)
        yield from _step(place, -way, 0.9 * place.weight)
        return
    around = [
        (seen.offset - now.offset, None if seen.quality is None else seen.quality - now.quality)
        for seen in sorted(experience.seen.values(), key=lambda seen: seen.offset)
    ]
    below = [point for point in around if point[0] < 0]
    above = [point for point in around if point[0] > 0]
    if below and above:
        yield from _between(place, below[-1], above[0], outlook)
        yield from _towards(place, now, experience, outlook)
    elif below:
        yield from _beyond(place, [(-far, quality) for far, quality in reversed(below)], 1.0, outlook)
    elif above:
        yield from _beyond(place, above, -1.0, outlook)


_Point = tuple[float, float | None]


def _beyond(place: Place, behind: list[_Point], way: float, outlook: Outlook) -> Iterator[Move]:
    """Only one side is known: go the other way, farther and sooner when coming from there has paid."""
    near, quality = behind[0]
    if quality is None:
        yield from _step(place, way, 0.5 * place.weight)
    elif (second := next((point for point in behind if point[0] > near), None)) and second[1] is not None:
        octaves, gain = _extrapolate(near, -quality, second[0], -second[1])
        # What has just paid may go on to pay, even if a steep fall far behind bends the parabola down already.
        hope = 0.4 * place.weight if quality < -outlook.noise else 0.0
        yield from _step(place, way * octaves, max(gain / outlook.usual_gain, hope))
    elif quality < -outlook.noise:
        hope = 0.85 * -quality / outlook.usual_gain
        yield from _step(place, way * 1.5 * near, max(hope, 0.7 * place.weight))
    else:
        # Nothing moved, or not enough to be sure: the other side, or a bolder step on this one.
        yield from _step(place, way, 0.25 * place.weight)
        yield from _step(place, -way * (near + 1), 0.12 * place.weight)


def _extrapolate(near: float, drop: float, far: float, far_drop: float) -> tuple[float, float]:
    """Where the parabola through here and two worse values behind has its top, and how high that is."""
    curvature = (drop / near - far_drop / far) / (far - near)
    slope = drop / near + curvature * near
    if curvature >= 0:
        return min(_LONGEST_STEP, 2 * near), max(drop, 0.0)
    top = max(_LEAST_BEYOND, min(_LONGEST_STEP, slope / (-2 * curvature)))
    return top, curvature * top * top + slope * top


def _between(place: Place, low: _Point, high: _Point, outlook: Outlook) -> Iterator[Move]:
    """Both sides are known: aim at the top of the parabola through them."""
    if low[1] is None or high[1] is None:
        wall = low if low[1] is None else high
        yield from _step(place, wall[0] / 2, 0.2 * place.weight)
        return
    a, b = -low[0], high[0]
    curvature = (low[1] / a + high[1] / b) / (a + b)
    slope = (high[1] / b * a - low[1] / a * b) / (a + b)
    if curvature >= 0:
        best = b if high[1] > low[1] else -a
        yield from _step(place, best * 1.5, 0.2 * place.weight)
        return
    top = max(-0.8 * a, min(0.8 * b, -slope / (2 * curvature)))
    gain = curvature * top * top + slope * top
    yield from _step(place, top, gain / outlook.usual_gain)


def _towards(place: Place, now: _Seen, experience: Experience, outlook: Outlook) -> Iterator[Move]:
    """Half-way to what lost on either side: a parabola through noise misses tops, and a place that matters has them."""
    for seen in experience.seen.values():
        far = seen.offset - now.offset
        loss = 0.0 if seen.quality is None else (now.quality or 0.0) - seen.quality
        if abs(far) >= 0.5 and loss > outlook.noise:
            yield from _step(place, far / 2, 0.2 * min(1.0, loss / outlook.usual_gain) * place.weight)


def _step(place: Place, octaves: float, promise: float) -> Iterator[Move]:
    fraction = is_fraction(place.label, place.text)
    if abs(octaves) >= _SHORTEST_STEP and (new := step(place.text, octaves, fraction=fraction)) is not None:
        yield Move(place, new, promise)


def distance(place: Place, new: str) -> float:
    """How many doublings a move is worth, as it was written; 0 between things that are no numbers."""
    if place.kind != "number":
        return 0.0
    return round(octaves_between(place.text, new, fraction=is_fraction(place.label, place.text)), 4)
