"""Edit scope inside a file: where it has lines EVOLVE-BLOCK-START and EVOLVE-BLOCK-END, only what is between is free.

The markers are those of AlphaEvolve and its relatives, each on a comment line of its own, in any language.
"""

from __future__ import annotations

import re

_MARKER = re.compile(rb"[^\w\"'`]*EVOLVE-BLOCK-(START|END)\b")
"""At the beginning of a line: code may have the words in a string, to look for them say."""
START, END = "EVOLVE-BLOCK-START", "EVOLVE-BLOCK-END"


class MarkersError(Exception):
    """The markers of a file do not pair; the text says which and what to do."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line
        """1-based."""


def blocks(content: bytes) -> list[range] | None:
    """The lines (counted from 0) inside of each block; None for a file without markers. Raises MarkersError."""
    found: list[range] = []
    opened: int | None = None
    for number, line in enumerate(content.split(b"\n")):
        marker = _MARKER.match(line)
        if marker is None:
            continue
        if marker[1] == b"START":
            if opened is not None:
                raise MarkersError(number + 1, f"{START} inside the block that line {opened + 1} opens; {END} it first")
            opened = number
        elif opened is None:
            raise MarkersError(number + 1, f"{END} without a {START} before it")
        else:
            found.append(range(opened + 1, number))
            opened = None
    if opened is not None:
        raise MarkersError(opened + 1, f"{START} without an {END} after it")
    return found or None


def has_blocks(content: bytes) -> bool:
    """Whether only a part of the file may be changed."""
    try:
        return blocks(content) is not None
    except MarkersError:
        return False


def is_inside(inside: list[range], text: str, start: int, end: int) -> bool:
    """Whether the characters from `start` to `end` are all in one block."""
    first = text.count("\n", 0, start)
    last = first + text.count("\n", start, end)
    return any(first in block and last in block for block in inside)


def trespass(path: str, before: bytes | None, after: bytes | None) -> str | None:
    """What a change does outside the blocks of a file, in words; None where it keeps to them, or there are none."""
    try:
        free = None if before is None else blocks(before)
    except MarkersError:
        free = None  # A file that was so all the time; a session does not begin with one.
    try:
        new = None if after is None else blocks(after)
    except MarkersError as error:
        return f"the markers in {path} do not pair any more: line {error.line}: {error}"
    if before is None or free is None:
        return None
    only = f"only what is between {START} and {END} may be changed"
    if after is None:
        return f"it deleted {path}, of which {only}"
    fixed, now = _outside(before, free), _outside(after, new or [])
    for (number, old), (_, line) in zip(fixed, now, strict=False):
        if old != line:
            return f"it changed line {number + 1} of {path} (`{_shown(old)}`), but there {only}"
    if len(fixed) != len(now):
        return f"it added or removed lines of {path} outside its blocks, but there {only}"
    return None


def _outside(content: bytes, inside: list[range]) -> list[tuple[int, bytes]]:
    """The lines that are not free, the markers among them, so that nobody moves those."""
    free = {number for block in inside for number in block}
    return [(number, line) for number, line in enumerate(content.split(b"\n")) if number not in free]


def _shown(line: bytes) -> str:
    text = " ".join(line.decode("utf-8", errors="replace").split())
    return text if len(text) <= 60 else f"{text[:59]}…"
