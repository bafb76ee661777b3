"""What the satellite receiver recorded on the six days: a point every four seconds. Frozen."""

from __future__ import annotations

import numpy as np

POINTS = 9000
KILOMETRES = 71.0
PASSES = ((0.0, 1620), (0.13, 2390), (0.31, 2310), (0.40, 2080), (0.47, 2660), (0.55, 2240), (0.66, 2874), (0.80, 1890))
END = (1.0, 910)


def track() -> list[list[float]]:
    """Kilometres walked and metres above the sea, with all the digits that the receiver gave."""
    random = np.random.default_rng(1974)
    along = np.linspace(0, 1, POINTS)
    where, high = zip(*PASSES, END, strict=True)
    height = np.interp(along, where, high)
    for waves in (9, 23, 61):
        height += 500 / waves * np.sin(waves * 2 * np.pi * along + waves)
    smooth = np.convolve(np.pad(height, 60, mode="edge"), np.ones(121) / 121, mode="valid")
    points: list[list[float]] = np.column_stack([KILOMETRES * along, smooth + random.normal(0, 2.5, POINTS)]).tolist()
    return points
