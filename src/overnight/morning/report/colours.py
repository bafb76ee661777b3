"""A diff as HTML in colours: added and taken away by the line, and within each line its language."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence

from markupsafe import Markup
from pygments import lex
from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class_for_filename
from pygments.token import Comment, Keyword, Name, Number, String, _TokenType, is_token_subtype

_CLASSES: tuple[tuple[_TokenType, str], ...] = (
    *((Comment, "c"), (Keyword, "k"), (String, "s"), (Number, "m")),
    *((Name.Function, "n"), (Name.Class, "n"), (Name.Decorator, "n")),
)
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
_KINDS = {"+": "add", "-": "del", "@": "hunk", "\\": "note"}


def coloured(lines: Sequence[str]) -> Markup:
    """A diff's lines as spans with classes, one line of text each, for a `<pre>`."""
    rows: list[Markup] = []
    hunk: list[str] = []
    lexer: Lexer | None = None
    old = new = 0  # How many lines of either side the hunk still has: only so is `--- x` known from a line taken away.
    for line in lines:
        if old > 0 or new > 0 or (hunk and line.startswith("\\")):
            hunk.append(line)
            old -= line[:1] in (" ", "-")
            new -= line[:1] in (" ", "+")
            continue
        rows += _hunk(hunk, lexer)
        hunk = []
        if begins := _HUNK.match(line):
            hunk = [line]
            old, new = (int(count or 1) for count in begins.groups())
        else:
            lexer = _lexer_for(line.removeprefix("+++ ").removeprefix("b/")) if line.startswith("+++ ") else lexer
            rows.append(_row("file", line))
    return Markup("\n").join([*rows, *_hunk(hunk, lexer)])


def _hunk(lines: Sequence[str], lexer: Lexer | None) -> Iterator[Markup]:
    """Each side is read by itself, as a whole: a string may reach over several lines."""
    old = iter(_in_colours([line[1:] for line in lines if line[:1] in (" ", "-")], lexer))
    new = iter(_in_colours([line[1:] for line in lines if line[:1] in (" ", "+")], lexer))
    for line in lines:
        sign = line[:1]
        if sign == "+":
            yield _row("add", Markup("+") + next(new))
        elif sign == "-":
            yield _row("del", Markup("-") + next(old))
        elif sign == " ":
            next(old)
            yield Markup(" ") + next(new)
        else:
            yield _row(_KINDS.get(sign, "note"), line)


def _row(kind: str, content: str) -> Markup:
    return Markup('<span class="{}">{}</span>').format(kind, content)


def _in_colours(lines: Sequence[str], lexer: Lexer | None) -> list[Markup]:
    if lexer is None or not lines:
        return [Markup.escape(line) for line in lines]
    rows = [Markup()]
    for kind, text in lex("\n".join(lines), lexer):
        name = next((name for known, name in _CLASSES if is_token_subtype(kind, known)), "")
        first, *rest = (
            Markup('<span class="{}">{}</span>').format(name, part) if name and part.strip() else Markup.escape(part)
            for part in text.split("\n")
        )
        rows[-1] += first
        rows += rest
    return rows if len(rows) == len(lines) else [Markup.escape(line) for line in lines]


@functools.lru_cache(maxsize=32)
def _lexer_for(path: str) -> Lexer | None:
    found = find_lexer_class_for_filename(path.rsplit("/", 1)[-1])
    return found(stripnl=False, ensurenl=False) if found is not None else None
