"""A patch read line by line, each line in its language: what a page then shows in colours. Never as markup."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pygments import lex
from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class_for_filename
from pygments.token import STANDARD_TYPES, _TokenType

Kind = Literal["head", "hunk", "same", "added", "removed", "note"]
Piece = tuple[str, str]
"""What it is, by Pygments' short name ("" for nothing in particular), and the text."""
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_SIGNS: dict[str, Kind] = {"+": "added", "-": "removed", " ": "same", "@": "hunk"}


@dataclass(frozen=True)
class DiffLine:
    """One line of a patch."""

    kind: Kind
    text: str
    """As it stands in the patch, with its sign."""
    pieces: list[Piece]
    """The same without the sign of a line that is the same, added or removed."""


def read_diff(lines: Sequence[str]) -> Iterator[DiffLine]:
    """The lines of a unified diff, none of them left out."""
    hunk: list[str] = []
    lexer: Lexer | None = None
    old = new = 0  # How many lines of either side the hunk still has: only so is `--- x` known from a line taken away.
    for line in lines:
        if old > 0 or new > 0 or (hunk and line.startswith("\\")):
            hunk.append(line)
            old -= line[:1] in (" ", "-")
            new -= line[:1] in (" ", "+")
            continue
        yield from _hunk(hunk, lexer)
        hunk = []
        if begins := _HUNK.match(line):
            hunk = [line]
            old, new = (int(count or 1) for count in begins.groups())
        else:
            if line.startswith(("--- ", "+++ ")) and line[4:] != "/dev/null":
                lexer = _lexer_for(line[4:].strip('"\t'))  # Git quotes some names, and ends others by a tab.
            yield DiffLine("head", line, [("", line)])
    yield from _hunk(hunk, lexer)


def _hunk(lines: Sequence[str], lexer: Lexer | None) -> Iterator[DiffLine]:
    """Each side is read by itself, as a whole: a string may reach over several lines."""
    old = iter(_in_pieces([line[1:] for line in lines if line[:1] in (" ", "-")], lexer))
    new = iter(_in_pieces([line[1:] for line in lines if line[:1] in (" ", "+")], lexer))
    for line in lines:
        kind = _SIGNS.get(line[:1], "note")
        if kind == "same":
            next(old)
        side = old if kind == "removed" else new
        yield DiffLine(kind, line, next(side) if kind in ("same", "added", "removed") else [("", line)])


def _in_pieces(lines: Sequence[str], lexer: Lexer | None) -> list[list[Piece]]:
    plain: list[list[Piece]] = [[("", line)] if line else [] for line in lines]
    if lexer is None or not lines:
        return plain
    rows: list[list[Piece]] = [[]]
    for token, text in lex("\n".join(lines), lexer):
        name = _short_name(token)
        for index, part in enumerate(text.split("\n")):
            if index:
                rows.append([])
            if part:
                rows[-1].append((name if part.strip() else "", part))
    return rows if len(rows) == len(lines) else plain  # A lexer that loses lines: colours are not worth a lie.


def _short_name(token: _TokenType) -> str:
    known: _TokenType | None = token
    while known is not None and known not in STANDARD_TYPES:
        known = known.parent
    return STANDARD_TYPES[known] if known is not None else ""


@functools.lru_cache(maxsize=32)
def _lexer_for(path: str) -> Lexer | None:
    found = find_lexer_class_for_filename(path.rsplit("/", 1)[-1])
    return found(stripnl=False, ensurenl=False) if found is not None else None
