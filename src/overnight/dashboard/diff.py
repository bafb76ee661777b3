"""A patch as coloured words: for each line what it is, and its pieces with the kind of each. Never as markup."""

from __future__ import annotations

from typing import Any, Literal

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_for_filename
from pygments.lexers.special import TextLexer
from pygments.token import STANDARD_TYPES
from pygments.util import ClassNotFound

from overnight.morning.plain import printable

Kind = Literal["file", "hunk", "same", "added", "removed", "note"]
MOST_LINES = 1500
_LONGEST_LINE = 2000
_OF_THE_HEAD = ("index ", "--- ", "+++ ", "new file", "deleted file", "similarity ", "rename ", "old mode", "new mode")


def coloured(patch: str) -> list[dict[str, Any]]:
    """The lines of a unified diff: `{"kind": …, "pieces": [[class, text], …]}`, the sign taken off."""
    # Python and Pygments know other ends of lines too; with those a guest could make up lines of its own.
    lines = patch.removesuffix("\n").split("\n")
    found: list[dict[str, Any]] = []
    lexer: Lexer = TextLexer()
    hunk: list[tuple[Kind, str]] = []
    in_hunk = False
    for line in (printable(line.removesuffix("\r")) for line in lines[:MOST_LINES]):
        text = line[:_LONGEST_LINE]
        if line.startswith("diff --git "):
            found += _lexed(hunk, lexer)
            hunk, in_hunk = [], False
            name = text.rpartition(" b/")[2]
            lexer = _lexer_for(name)
            found.append(_line("file", name))
        elif line.startswith("@@"):
            found += _lexed(hunk, lexer)
            hunk, in_hunk = [], True
            found.append(_line("hunk", text))
        elif not in_hunk and line.startswith(_OF_THE_HEAD):
            continue
        elif line[:1] in ("+", "-", " ") and in_hunk:
            kind: Kind = "added" if line[0] == "+" else "removed" if line[0] == "-" else "same"
            hunk.append((kind, text[1:]))
        elif line.strip():
            found += _lexed(hunk, lexer)
            hunk = []
            found.append(_line("note", text))
    found += _lexed(hunk, lexer)
    if len(lines) > MOST_LINES:
        found.append(_line("note", f"… {len(lines) - MOST_LINES} more lines: `git show`"))
    return found


def _line(kind: Kind, text: str) -> dict[str, Any]:
    return {"kind": kind, "pieces": [["", text]]}


def _lexer_for(name: str) -> Lexer:
    try:
        found: Lexer = get_lexer_for_filename(name, stripnl=False, ensurenl=True)
        return found
    except ClassNotFound:
        return TextLexer(stripnl=False, ensurenl=True)


def _lexed(hunk: list[tuple[Kind, str]], lexer: Lexer) -> list[dict[str, Any]]:
    """The hunk's lines in their language. What is added and what is taken away are read together, which is enough to
    tell words from numbers."""
    if not hunk:
        return []
    pieces: list[list[list[str]]] = [[]]
    for token, value in lexer.get_tokens("\n".join(text for _, text in hunk)):
        name = STANDARD_TYPES.get(token, "")
        for index, part in enumerate(value.split("\n")):
            if index:
                pieces.append([])
            if part:
                pieces[-1].append([name, part])
    if len(pieces) < len(hunk):  # A lexer that loses lines: colours are not worth a lie.
        return [_line(kind, text) for kind, text in hunk]
    return [{"kind": kind, "pieces": found} for (kind, _), found in zip(hunk, pieces, strict=False)]
