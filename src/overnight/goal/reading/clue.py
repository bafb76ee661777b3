"""One hint that a sentence gives about a setting."""

from __future__ import annotations

import re
from dataclasses import dataclass

from overnight.goal.reading.sentences import Piece

TICKED = re.compile(r"`([^`]{1,400})`")


@dataclass(frozen=True)
class Clue:
    """`key` might be `value`: the more weight, the surer; negative weight says that it is not."""

    key: str
    value: str | float
    weight: float
    piece: Piece
    about: str = ""
    """For a direction: the metric whose direction it is, if the sentence names one."""
