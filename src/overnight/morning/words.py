"""Metrics, effects, amounts and requests in words: the same ones wherever they are told."""

from __future__ import annotations

import math
from collections.abc import Sequence

from overnight.ledger.records import Judged, Part, Steered, Verified

_DAYS = 3
"""From so many on, a time is told in days."""


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


def numbers_words(numbers: Sequence[int | str], most: int = 8) -> str:
    """`3, 7, 12 and 5 more`."""
    named = ", ".join(map(str, numbers[:most]))
    return f"{named} and {len(numbers) - most} more" if len(numbers) > most else named


def metric_words(*values: float | None) -> list[str]:
    """Metrics to be compared, with as many decimals as their difference needs, and none as a zero that it is not."""
    known = [value for value in values if value is not None]
    apart = max(known) - min(known) if known else 0.0
    if not apart or max(map(abs, known)) >= 1e7:
        return [f"{value:.6g}" if value is not None else "" for value in values]
    decimals = min(max(2 - math.floor(math.log10(apart)), 0), 12)
    texts = [f"{value:.{decimals}f}" for value in known]
    if any(value and not float(text) for value, text in zip(known, texts, strict=True)):
        return [f"{value:.3g}" if value is not None else "" for value in values]
    while decimals and all(text.endswith("0") for text in texts):
        decimals -= 1
        texts = [text[:-1].removesuffix(".") for text in texts]
    return [f"{value:.{decimals}f}" if value is not None else "" for value in values]


def percent_words(percent: float | None) -> str:
    """`11.4 % better`, `0.3 % worse`, `no better`."""
    if percent is None:
        return "improvement in percent has no meaning from 0"
    if abs(percent) < 5e-5:
        return "no better"
    size = abs(percent)
    # What is nearly all is not all: a time 99.99 % shorter is not zero.
    digits = f"{size:.3g}" if not 99.95 <= size < 100 else f"{min(size, 99.9999):.6g}"
    return f"{digits} % {'better' if percent > 0 else 'worse'}"


def verified_words(verified: Verified) -> str:
    """`verified 11.1 % better (95 % interval 10.6 to 11.5, 5 pairs of runs on new seeds)`."""
    if verified.percent_low is None or verified.percent_high is None or verified.percent_low == verified.percent_high:
        return f"verified {percent_words(verified.percent)} ({verified.pairs} pairs of runs, all alike)"
    interval = f"95 % interval {verified.percent_low:.3g} to {verified.percent_high:.3g}"
    return f"verified {percent_words(verified.percent)} ({interval}, {verified.pairs} pairs of runs on new seeds)"


def gain_words(gain: float, low: float | None, high: float | None) -> str:
    """`better by 0.06 (95 % interval 0.05 to 0.07)`, `worse by 0.1 (exact)`."""
    word = "better" if gain >= 0 else "worse"
    if low is not None and low == high:
        return f"{word} by {abs(gain):.3g} (exact)"
    if gain < 0 and low is not None and high is not None:
        low, high = -high, -low
    return f"{word} by {abs(gain):.3g}{interval_words(low, high)}"


def interval_words(low: float | None, high: float | None) -> str:
    """` (95 % interval 0.05 to 0.07)`; "" where nobody knows it, and where it has no width."""
    if low is None or high is None or not 0 < high - low < math.inf:
        return ""
    return f" (95 % interval {low:.3g} to {high:.3g})"


def part_words(part: Part) -> str:
    """What one kept change adds, in words: a keep that adds nothing is named."""
    if part.gain is None or part.gain_low is None or part.gain_high is None:
        return "cannot be told apart from the changes that build on it"
    bounds = interval_words(part.gain_low, part.gain_high)
    if part.gain_low > 0:
        return f"adds {part.gain:.3g}{bounds}"
    if part.gain_high < 0:
        return f"HARMS by {-part.gain:.3g}{bounds}"
    return f"adds nothing that can be seen: {part.gain:.3g}{bounds}"


def cost_words(dollars: float, tokens: int) -> str:
    """What proposing has cost, as far as anybody knows."""
    return ", ".join([f"${dollars:.2f}"] * (dollars > 0) + [f"{tokens:,} tokens"] * (tokens > 0))


def duration_words(seconds: float) -> str:
    """`4 days 6 h`, `8 h 03 min`, `3 min 20 s`, `45 s`."""
    whole = round(seconds)
    if whole >= _DAYS * 86_400:
        return f"{whole // 86_400} days {whole % 86_400 // 3600} h"
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole} s" if whole or not seconds else f"{seconds:.2g} s"


def trouble_words(troubles: dict[str, int]) -> str:
    """`4 times: agent 3, disk 1`; "" where there was none."""
    each = ", ".join(f"{what} {count}" for what, count in sorted(troubles.items()))
    total = sum(troubles.values())
    return f"{'once' if total == 1 else f'{total} times'}: {each}" if troubles else ""


def place_words(slot: int, machine: str) -> str:
    """Where a run was made: `slot 2 on gpu-b`; `slot 2` where that is the session's own machine."""
    return f"slot {slot}" + (f" on {machine}" if machine else "")


def approval_words(number: int) -> str:
    """How a person says yes or no to a live variant."""
    return f"waiting for your approval: `overnight approve {number}` or the dashboard"


def steered_words(steered: Steered) -> str:
    """What a person has asked for, and what became of it: `pinned: experiment 12`."""
    done = {
        "pause": "paused by a person; nothing new is begun until it is resumed",
        "resume": "resumed by a person",
        "finish": "a person has asked to put the session down here",
        "take_back": "taken back by a person",
        "hint": "a person's hint for the next brief",
        "pin": "pinned by a person",
        "forbid": "forbidden by a person",
        "withdraw": "a person's wish is withdrawn",
        "approve": "approved by a person",
        "reject": "turned down by a person",
    }[steered.act]
    about = [f"experiment {steered.number}"] if steered.number is not None else []
    told = [" ".join(steered.text.split())] if steered.text and steered.act != "withdraw" else []
    words = done + (f": {', '.join([*about, *told])}" if about or told else "")
    return f"{words} (refused: {steered.refused})" if steered.refused else words
