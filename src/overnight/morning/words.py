"""Effects and amounts in words, as the report has them."""

from __future__ import annotations

import math

from overnight.ledger.records import Judged


def effect_words(judged: Judged) -> tuple[str, str]:
    """A gain and its 95 % interval, with as many decimals as the interval gives a meaning to.

    `+0.022` and `+0.008 to +0.035`; `+0.5` and `exact`; "" for what is not known.
    """
    gain, low, high = judged.gain, judged.gain_low, judged.gain_high
    if gain is None or low is None or high is None:
        return _signed(gain), ""
    if not 0 < high - low < math.inf:
        return _signed(gain), "exact" if low == high else ""
    decimals = 1 - math.floor(math.log10((high - low) / 2))
    if not 0 <= decimals <= 10:
        return _signed(gain), f"{_signed(low)} to {_signed(high)}"
    return _signed(gain, decimals), f"{_signed(low, decimals)} to {_signed(high, decimals)}"


def _signed(value: float | None, decimals: int | None = None) -> str:
    if value is None:
        return ""
    text = f"{value:+.3g}" if decimals is None else f"{value:+.{decimals}f}"
    is_zero = not any(sign in "123456789in" for sign in text.split("e", maxsplit=1)[0])
    return (text[1:] if is_zero else text).replace("-", "−")


def energy_words(joules: float) -> str:
    """`950 J`, `12.3 Wh`, `1.2 kWh`."""
    hours = joules / 3600
    return f"{joules:.0f} J" if hours < 1 else f"{hours:.3g} Wh" if hours < 1000 else f"{hours / 1000:.3g} kWh"


def numbers_words(numbers: list[int], most: int = 8) -> str:
    """`3, 7, 12 and 5 more`."""
    named = ", ".join(map(str, numbers[:most]))
    return f"{named} and {len(numbers) - most} more" if len(numbers) > most else named
