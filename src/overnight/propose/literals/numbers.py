"""Numbers as people write them: a step on the scale that suits them, written in the same style."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"(?P<sign>-?)(?P<whole>(?:\d[\d_]*)?)(?P<point>\.[\d_]*)?(?P<exponent>[eE][-+]?\d+)?\Z")
_LARGEST = 1e15  # above it integers lose digits in floating point, and such a number is an identifier anyway
_FRACTION = re.compile(r"beta|momentum|drop|decay|prob|ratio|ema|keep|gamma|fraction|quantile", re.IGNORECASE)
_SCALE = re.compile(r"(?:^|[^a-z])lr|learning_rate|scale|clip|std|sigma|gain|width|size|temp|weight", re.IGNORECASE)


def read(text: str) -> float | None:
    """The number's value, or None for what is not a plain decimal number (hexadecimal, 007, 1e999, …)."""
    match = _NUMBER.match(text)
    if match is None or not (match["whole"] or (match["point"] or "").strip("._")):
        return None
    if text.endswith("_") or "__" in text or "_." in text or "._" in text or "_e" in text.lower():
        return None
    whole = match["whole"].replace("_", "")
    if len(whole) > 1 and whole.startswith("0"):
        return None
    value = float(text.replace("_", ""))
    return value if abs(value) <= _LARGEST else None


def is_integer(text: str) -> bool:
    return not any(mark in text for mark in ".eE")


def is_fraction(name: str, text: str) -> bool:
    """Whether the number lives between 0 and 1, so that 0.9 → 0.95 is the step and 1.8 makes no sense."""
    value = read(text)
    if value is None or is_integer(text) or not 0 < value < 1:
        return False
    return names_fraction(name) or (value > 0.5 and not _SCALE.search(name))


def names_fraction(name: str) -> bool:
    """Whether the name says that 1 is the end: `dropout`, `beta`, …"""
    return _FRACTION.search(name) is not None


def step(text: str, octaves: float, *, fraction: bool = False) -> str | None:
    """The number `octaves` doublings higher (lower if negative), in the same style; None if there is no such.

    A fraction is doubled below one half, and its distance from 1 is halved above. Zero, which no factor moves,
    goes to 0.1, 0.01 and on with smaller steps.
    """
    value = read(text)
    if value is None or octaves == 0:
        return None
    if is_integer(text):
        new = _integer_step(int(value), octaves)
        written = f"{new:_}" if "_" in text else str(new)
        return written if abs(new) <= _LARGEST else None
    for digits in (2, 3, 4):
        target = _round(_float_step(value, octaves, fraction), digits, fraction)
        written = _write(target, text)
        if read(written) not in {value, None}:
            return written
    return None


def octaves_between(old: str, new: str, *, fraction: bool = False) -> float:
    """How far the new number is above the old one, on the scale that `step` uses."""
    before, after = read(old), read(new)
    if before is None or after is None or before == after:
        return 0.0
    if before * after <= 0:
        return math.copysign(1.0, after - before)
    if fraction and after < 1:
        return _position(after) - _position(before)
    return math.log2(after / before) * math.copysign(1.0, before)


def _integer_step(value: int, octaves: float) -> int:
    up = 1 if octaves > 0 else -1
    if value == 0:
        return up * max(1, round(2 ** (abs(octaves) - 1)))
    size, away = abs(value), up if value > 0 else -up
    exact = size * 2.0 ** (away * abs(octaves))
    for rounded in _round_integers(size, exact):
        if (rounded - size) * away > 0:
            return rounded if value > 0 else -rounded
    return value + up


def _round_integers(old: int, exact: float) -> list[int]:
    """Whole numbers near `exact`, the roundest first: powers of two stay with their kind, 1000 with its own."""
    near = [round(exact)]
    if old >= 16 and old % 4 == 0 and (old // (old & -old)) < 8:
        for bits in (4, 3):
            unit = 2 ** max(0, math.floor(math.log2(max(exact, 1))) - bits + 1)
            near.insert(0, unit * round(exact / unit))
    elif exact >= 10:
        unit = 10 ** (math.floor(math.log10(exact)) - 1)
        near.insert(0, unit * round(exact / unit))
    return near


def _float_step(value: float, octaves: float, fraction: bool) -> float:
    if value == 0:
        return math.copysign(10.0 ** (math.log2(abs(octaves)) - 1), octaves)
    if fraction:
        return _from_position(_position(value) + octaves)
    return value * math.exp2(octaves if value > 0 else -octaves)


def _position(value: float) -> float:
    """Where a fraction stands: log₂ x up to one half, −log₂(1−x) above, joined smoothly."""
    return math.log2(value) if value < 0.5 else -math.log2(1 - value) - 2


def _from_position(position: float) -> float:
    return math.exp2(position) if position < -1 else 1 - math.exp2(-position - 2)


def _round(value: float, digits: int, fraction: bool) -> float:
    if fraction and 0.5 < value < 1:
        return 1 - float(f"{1 - value:.{digits - 1}e}")
    return float(f"{value:.{digits - 1}e}")


def _write(value: float, like: str) -> str:
    match = _NUMBER.match(like)
    assert match is not None  # `read` accepted it
    if match["exponent"] or (value != 0 and not 1e-6 <= abs(value) < _LARGEST):
        return _write_scientific(value, match["point"], match["exponent"] or "e-1")
    decimals = (match["point"] or ".0")[1:]
    written = f"{value:_.10f}" if "_" in match["whole"] else f"{value:.10f}"
    whole, _, rest = written.partition(".")
    least = len(decimals) if decimals.endswith("0") else min(len(decimals), 1)
    rest = rest.rstrip("0").ljust(least, "0")
    if not match["whole"] and rest:
        whole = whole.removesuffix("0") if whole in {"0", "-0"} else whole
    return f"{whole}.{rest}"


def _write_scientific(value: float, point: str | None, exponent: str) -> str:
    mantissa, _, power = f"{value:.6e}".partition("e")
    mantissa = mantissa.rstrip("0").removesuffix(".")
    if point is not None and "." not in mantissa:
        mantissa += ".0" if len(point) > 1 else "."
    width = len(exponent) - 2 if exponent[1] in "+-" and exponent[2] == "0" else 1
    size = abs(int(power))
    sign = "-" if int(power) < 0 else "+" if exponent[1] == "+" else ""
    return f"{mantissa}{exponent[0]}{sign}{size:0{width}d}"
