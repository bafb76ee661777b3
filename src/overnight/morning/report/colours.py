"""A diff as HTML in colours: added and taken away by the line, and within each line its language."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from overnight.morning.diff import DiffLine, Kind, Piece, read_diff

_ROWS: dict[Kind, str] = {"head": "file", "hunk": "hunk", "added": "add", "removed": "del", "note": "note"}
_NAMED = ("nf", "fm", "nc", "nd")
"""Names of functions, classes and decorators."""


def coloured(lines: Sequence[str]) -> Markup:
    """A diff's lines as spans with classes, one line of text each, for a `<pre>`."""
    return Markup("\n").join(map(_row, read_diff(lines)))


def _row(line: DiffLine) -> Markup:
    words = Markup().join(map(_span, line.pieces))
    if line.kind in ("same", "added", "removed"):
        words = Markup.escape(line.text[:1]) + words
    return words if line.kind == "same" else Markup('<span class="{}">{}</span>').format(_ROWS[line.kind], words)


def _span(piece: Piece) -> Markup:
    name, text = piece
    kind = "n" if name in _NAMED else name[:1] if name[:1] in ("c", "k", "s", "m") else ""
    return Markup('<span class="{}">{}</span>').format(kind, text) if kind else Markup.escape(text)
