"""What a page looks like and says, small enough to keep, and how far two such looks are apart. Frozen.

A screenshot becomes the mean colour of each block of 16 by 16 pixels and how much detail the block has: how much
neighbouring pixels differ. Colours tell whether something is missing or elsewhere, detail whether it is blurred.
Compressing a picture changes both a little. The differences are averaged over tiles of 4 by 4 blocks, and the worst
tile is the distance, so that one small photograph that is missing counts as much as a page without any.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

BLOCK = 16
TILE = 4
PLAIN = 4.0
"""Detail (0 to 255) that is too little to miss."""
FINEST = 32.0
"""The most detail that is told apart."""
REFERENCE = Path(__file__).with_name("reference")


@dataclass(frozen=True)
class Words:
    """What can be read, and where it leads."""

    title: str
    text: str
    links: list[str]
    alts: list[str]

    def difference(self, other: Words) -> str | None:
        """The first thing in which the other is not the same, as a sentence; None where there is none."""
        for name, mine in asdict(self).items():
            theirs = getattr(other, name)
            if mine != theirs:
                here = next((at for at, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b), None)
                at = min(len(mine), len(theirs)) if here is None else here
                return f"the page's {name} changed: {_around(theirs, at)!r} is to be {_around(mine, at)!r}"
        return None


@dataclass(frozen=True)
class Look:
    """A screenshot's blocks: colours (rows, columns, 3) and detail (rows, columns), both from 0 to 255."""

    colours: np.ndarray
    detail: np.ndarray

    @classmethod
    def of(cls, picture: np.ndarray) -> Look:
        """The look of a screenshot; what is not a whole block at its right and lower edge is left out."""
        rows, columns = picture.shape[0] // BLOCK, picture.shape[1] // BLOCK
        whole = picture[: rows * BLOCK, : columns * BLOCK].astype(np.float32)
        grey = whole.mean(axis=2)
        steps = np.zeros_like(grey)
        steps[:, 1:] += np.abs(np.diff(grey, axis=1))
        steps[1:] += np.abs(np.diff(grey, axis=0))
        detail = np.minimum(_means(steps, BLOCK) * 255 / FINEST, 255)
        return cls(np.stack([_means(whole[:, :, each], BLOCK) for each in range(3)], axis=2), detail)

    def first(self, rows: int) -> Look:
        """Its upper part."""
        return Look(self.colours[:rows], self.detail[:rows])

    def distance(self, other: Look) -> tuple[float, float]:
        """How much of the colours changed and how much of the detail is lost in the worst tile, in percent."""
        rows, columns = (min(pair) for pair in zip(self.detail.shape, other.detail.shape, strict=True))
        mine, theirs = (Look(look.colours[:rows, :columns], look.detail[:rows, :columns]) for look in (self, other))
        changed = _means(np.abs(mine.colours - theirs.colours).mean(axis=2), TILE) / 255
        before, after = _means(mine.detail, TILE), _means(theirs.detail, TILE)
        floor = PLAIN * 255 / FINEST
        lost = np.where(before > floor, 1 - after / np.maximum(before, floor), 0)
        return 100 * float(changed.max()), 100 * max(float(lost.max()), 0.0)

    def save(self, name: str) -> None:
        """Keep it as two pictures that a person can look at."""
        Image.fromarray(self.colours.round().astype(np.uint8)).save(REFERENCE / f"{name}.png", optimize=True)
        Image.fromarray(self.detail.round().astype(np.uint8)).save(REFERENCE / f"{name}-detail.png", optimize=True)

    @classmethod
    def read(cls, name: str) -> Look:
        """What `save` kept."""
        colours, detail = (Image.open(REFERENCE / f"{each}.png") for each in (name, f"{name}-detail"))
        return cls(np.asarray(colours, dtype=np.float32), np.asarray(detail, dtype=np.float32))


def save_words(words: Words) -> None:
    text = json.dumps(asdict(words), indent=1, ensure_ascii=False) + "\n"
    (REFERENCE / "words.json").write_text(text, encoding="utf-8")


def read_words() -> Words:
    return Words(**json.loads((REFERENCE / "words.json").read_text(encoding="utf-8")))


def _means(values: np.ndarray, size: int) -> np.ndarray:
    """The mean of each square of `size` by `size`; the last ones may be smaller."""
    rows, columns = values.shape
    down, right = np.arange(0, rows, size), np.arange(0, columns, size)
    sums = np.add.reduceat(np.add.reduceat(values, down, axis=0), right, axis=1)
    counts = np.minimum(down + size, rows) - down, np.minimum(right + size, columns) - right
    means: np.ndarray = sums / np.outer(*counts)
    return means


def _around(value: str | list[str], at: int) -> str | list[str]:
    return value[max(at - 20, 0) : at + 40] if isinstance(value, str) else value[at : at + 1]
