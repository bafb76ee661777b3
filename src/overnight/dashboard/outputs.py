"""The files with what runs and agents have printed, read in bounded pieces. No path ever comes from a browser."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from overnight.dashboard.text import readable, whole_lines

PAGE = 65_536
_TAIL = 6_000
_BEFORE = 32_768
"""Bytes that are read, but not shown, before a piece: a key that begins there must be seen whole to be taken out."""


@dataclass(frozen=True)
class Piece:
    """A part of an output."""

    text: str
    start: int
    """The byte that it begins with; 0: there is nothing before."""
    size: int
    """Of the whole file, bytes."""


def tail_of(path: Path, logs: Path) -> str:
    """The last lines of a file that may be being written; "" where there is none."""
    opened = _open(path, logs)
    if opened is None:
        return ""
    with opened as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - _TAIL - _BEFORE))
        raw = whole_lines(file.read(_TAIL + _BEFORE))
    return _last_lines(readable(_from_line(raw, is_start=size <= _TAIL + _BEFORE)))


def piece_before(path: Path, logs: Path, end: int | None) -> Piece | None:
    """The piece that ends at byte `end` (None: at the end of the file); None where there is no such file."""
    opened = _open(path, logs)
    if opened is None:
        return None
    with opened as file:
        size = os.fstat(file.fileno()).st_size
        end = size if end is None else max(0, min(end, size))
        start = max(0, end - PAGE)
        file.seek(max(0, start - _BEFORE))
        before, raw = file.read(start - max(0, start - _BEFORE)), file.read(end - start)
    cut = raw.find(b"\n") + 1 if start else 0
    start += cut
    shown = readable(raw[cut:] if not before else before + raw)
    if before:  # The same text without what stands before; a key that crosses the border goes with it.
        lines = raw[cut:].count(b"\n") + (not raw.endswith(b"\n"))
        shown = "\n".join(shown.removesuffix("\n").split("\n")[-lines:]) + "\n" * raw.endswith(b"\n")
    return Piece(shown, start, size)


def _open(path: Path, logs: Path) -> BinaryIO | None:
    """The file, if it is a plain one in the session's folder of outputs; guests may have put a link there."""
    if path.parent != logs:
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):  # ValueError: what no file can be called.
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return open(descriptor, "rb")  # noqa: PTH123 - from a descriptor


def _from_line(raw: bytes, *, is_start: bool) -> bytes:
    return raw if is_start else raw[raw.find(b"\n") + 1 :]


def _last_lines(text: str) -> str:
    return "\n".join(text.removesuffix("\n").split("\n")[-40:])[-_TAIL:]
