"""A place: one literal in one file that can be turned, and what it is called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["number", "boolean", "choice"]

CONSTANT, ARGUMENT, LOCAL, PART, ANONYMOUS, STRUCTURAL = 1.0, 0.85, 0.7, 0.5, 0.12, 0.05
"""How likely a literal is to be a knob: a module's constant most of all, the 2 in `x ** 2` least."""


@dataclass(frozen=True)
class Place:
    """One literal. Its `id` outlives edits elsewhere in the file; its span is of this version only."""

    id: str
    label: str
    """What to call it in a sentence: its name, or the line it stands in when it has none."""
    named: bool
    kind: Kind
    start: int
    end: int
    text: str
    """The literal as written; `start` and `end` are its characters in the file."""
    weight: float
    alternatives: tuple[str, ...] = ()
    """What a choice can be switched to, as it would be written here (the present text included)."""

    def apply(self, source: str, new: str) -> str:
        """The file with this literal replaced and every other character as it was."""
        return source[: self.start] + new + source[self.end :]


class CannotParseError(Exception):
    """The file is not valid in its own format, so nothing in it is safe to turn."""


_LITERAL = re.compile(r"""'[^']*'|"[^"]*"|\b\d[\w.]*|\bTrue\b|\bFalse\b|\btrue\b|\bfalse\b""")
_LONGEST_LABEL = 60


def skeleton(line: str) -> str:
    """The line with its literals blanked: it names a literal that has no name, whatever its value becomes."""
    return " ".join(_LITERAL.sub("_", line).split())[:120]


def shorten(line: str) -> str:
    text = " ".join(line.split())
    return text if len(text) <= _LONGEST_LABEL else text[: _LONGEST_LABEL - 1] + "…"


_NOT_A_KNOB = re.compile(r"(?:^|[._-])(?:seed|random_state|version|nargs|__\w+__)(?:$|[._(=-])", re.IGNORECASE)
_DIMENSION = re.compile(r"(?:^|[._(])(?:axis|axes|dim|dims|ndim|start_dim|end_dim|keepdims?)(?:=\))?$", re.IGNORECASE)


def is_knob(name: str, text: str) -> bool:
    """False for what is no matter of taste: seeds (luck is no gain), versions, and which axis to sum over."""
    if _NOT_A_KNOB.search(name):
        return False
    return not (_DIMENSION.search(name) and text.lstrip("-") in {"0", "1", "2", "3", "True", "False"})


def number_repeats(places: Iterable[Place]) -> list[Place]:
    """Tell places of one name apart by their order in the file: `lr`, `lr#2`, …"""
    seen: dict[str, int] = {}
    result = []
    for place in sorted(places, key=lambda place: place.start):
        count = seen[place.id] = seen.get(place.id, 0) + 1
        result.append(place if count == 1 else replace(place, id=f"{place.id}#{count}"))
    return result
