"""The photographs: painted by arithmetic, so that there is nothing to download and no rights to ask for. Frozen.

Each is the same on every machine, and has what cameras give: soft sky, hard edges, and fine texture
that costs bytes. Replace `photo` by one that opens your own files.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
from PIL import Image

SIZES = {"hero": (2400, 1200)}
USUAL_SIZE = (1200, 800)
RIDGES = 4


def photo(name: str) -> Image.Image:
    """The photograph of that name as it came from the camera."""
    random = np.random.default_rng(crc32(name.encode()))
    width, height = SIZES.get(name, USUAL_SIZE)
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    dawn = random.uniform((0.85, 0.62, 0.45), (0.98, 0.78, 0.6))
    day = random.uniform((0.25, 0.45, 0.7), (0.4, 0.6, 0.9))
    picture = np.broadcast_to(day + (dawn - day) * down, (height, width, 3)).astype(np.float32)
    grain = _noise(random, width, height, coarsest=20)
    for ridge in range(RIDGES):
        near = (ridge + 1) / RIDGES
        line = 0.22 + 0.62 * near - (0.30 - 0.12 * near) * _skyline(random, width)
        top = np.clip(line * height, 0, height).astype(int)
        colour = (1 - near) * np.array((0.55, 0.6, 0.72)) + near * random.uniform((0.14, 0.24, 0.1), (0.26, 0.34, 0.16))
        first = int(top.min())
        shade = 1 + (0.25 + 0.75 * near) * grain[first:, :: 1 - ridge % 2 * 2, None]
        below = np.arange(first, height)[:, None] >= top[None, :]
        picture[first:][below] = (shade * colour.astype(np.float32))[below]
    return Image.fromarray((255 * np.clip(picture, 0, 1)).astype(np.uint8))


def _noise(random: np.random.Generator, width: int, height: int, coarsest: int) -> np.ndarray:
    """Rock and meadow: noise at every scale from `coarsest` cells across down to the single pixel."""
    total = np.zeros((height, width), dtype=np.float32)
    cells, strength = coarsest, 0.3
    while cells <= width:
        rows = max(cells * height // width, 1)
        layer = Image.fromarray(random.normal(0, strength, (rows, cells)).astype(np.float32))
        total += np.asarray(layer.resize((width, height), Image.Resampling.BILINEAR))
        cells, strength = cells * 3, strength * 0.75
    return total


def _skyline(random: np.random.Generator, width: int) -> np.ndarray:
    """Heights from about 0 to 1 along a ridge."""
    total = np.full(width, 0.5)
    for octave in range(8):
        points = 3 * 2**octave
        heights = random.uniform(-0.5, 0.5, points + 1) * 0.62**octave
        total += np.interp(np.arange(width), np.linspace(0, width, points + 1), heights)
    return total
