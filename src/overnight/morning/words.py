"""Effects and amounts in words, as the report has them."""

from __future__ import annotations

from overnight.ledger.records import Judged


def signed(value: float | None) -> str:
    """`+0.0218`, `−0.3`, `0`; "" for None."""
    if value is None:
        return ""
    return "0" if value == 0 else f"{value:+.3g}".replace("-", "−")


def interval_words(judged: Judged) -> str:
    """`+0.015 to +0.028`, `exact`, or "" where there is no interval."""
    if judged.gain is None or judged.gain_low is None or judged.gain_high is None:
        return ""
    if judged.gain_low == judged.gain_high:
        return "exact"
    return f"{signed(judged.gain_low)} to {signed(judged.gain_high)}"


def count_words(count: int, noun: str) -> str:
    """`1 run`, `1,234 runs`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def energy_words(joules: float) -> str:
    """`950 J`, `12.3 Wh`, `1.2 kWh`."""
    hours = joules / 3600
    return f"{joules:.0f} J" if hours < 1 else f"{hours:.3g} Wh" if hours < 1000 else f"{hours / 1000:.3g} kWh"


def numbers_words(numbers: list[int], most: int = 8) -> str:
    """`3, 7, 12 and 5 more`."""
    named = ", ".join(map(str, numbers[:most]))
    return f"{named} and {len(numbers) - most} more" if len(numbers) > most else named
