"""A patch as the panel of an experiment gets it: for each line what it is, and its pieces. Never as markup."""

from __future__ import annotations

from typing import Any

from overnight.morning.diff import DiffLine, read_diff
from overnight.morning.plain import printable

MOST_LINES = 1500
_LONGEST_LINE = 2000
_OF_THE_HEAD = ("index ", "--- ", "+++ ", "new file", "deleted file", "similarity ", "rename ", "old mode", "new mode")


def coloured(patch: str) -> list[dict[str, Any]]:
    """The lines of a unified diff: `{"kind": …, "pieces": [[class, text], …]}`, the sign taken off."""
    # Python knows other ends of lines too; with those a guest could make up lines of its own.
    lines = patch.removesuffix("\n").split("\n")
    shown = [_cut(printable(line.removesuffix("\r"))) for line in lines[:MOST_LINES]]
    found = [_shown(line) for line in read_diff(shown) if _is_worth_showing(line)]
    if len(lines) > MOST_LINES:
        found += note(f"… {len(lines) - MOST_LINES} more lines: `git show`")
    return found


def _cut(line: str) -> str:
    """What is left out is said: the end of a long line is where something would be hidden."""
    more = len(line) - _LONGEST_LINE
    return f"{line[:_LONGEST_LINE]} … ({more} more characters)" if more > 0 else line


def note(words: str) -> list[dict[str, Any]]:
    """What to show where there is no patch."""
    return [{"kind": "note", "pieces": [["", words]]}]


def _is_worth_showing(line: DiffLine) -> bool:
    if line.kind == "head":
        return bool(line.text.strip()) and not line.text.startswith(_OF_THE_HEAD)
    return line.kind != "note" or bool(line.text.strip())


def _shown(line: DiffLine) -> dict[str, Any]:
    if line.kind != "head":
        return {"kind": line.kind, "pieces": [list(piece) for piece in line.pieces]}
    _, is_file, name = line.text.rpartition(" b/")
    if line.text.startswith("diff --git ") and is_file:
        return {"kind": "file", "pieces": [["", name]]}
    return {"kind": "note", "pieces": [["", line.text]]}
