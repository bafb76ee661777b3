"""Keep or discard where the metric repeats exactly: one run decides, and a tie is no improvement."""

from __future__ import annotations

from typing import Literal


def exact_gain(direction: Literal["lower", "higher"], value: float, incumbent: float) -> float:
    """How much better `value` is than the incumbent's, in the metric's unit."""
    return incumbent - value if direction == "lower" else value - incumbent


def exact_reason(gain: float) -> str:
    """The verdict on such a gain, in words."""
    return f"better by {gain:.3g}" if gain > 0 else "a tie" if gain == 0 else f"worse by {-gain:.3g}"
