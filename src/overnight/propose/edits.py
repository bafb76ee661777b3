"""Exact edits, as a model writes them: a text that occurs once in a file, and what is to stand in its place.

Everything is done on bytes, so that whatever an edit does not touch stays as it is: line endings, a byte order mark,
characters that are no UTF-8.
"""

from __future__ import annotations

import codecs
import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

_BOM = codecs.BOM_UTF8
_COMPARED_LINES = 5_000
_SHOWN_LINES = 12
_SHOWN_WIDTH = 200
_NAMED = 5
_FEW_LINES = 10
"""A file so short may well become half as long."""

Problem = Literal["mismatch", "elsewhere", "nothing"]


@dataclass(frozen=True)
class Edit:
    """One place of one file."""

    path: str
    search: str
    """What stands there now, word for word; "" where the file is new or empty."""
    replace: str
    whole_lines: bool = False
    """Whether both are whole lines, their last line's end left out, as in SEARCH/REPLACE blocks."""
    whole_file: bool = False
    """Whether `replace` is to be all that the file holds; `search` is not looked at."""
    line: int | None = None
    """The line at which `search` is said to begin, which decides where it occurs more than once."""


class EditError(Exception):
    """The edits cannot be made; the message tells the model what did not match, and why."""

    def __init__(self, problem: Problem, message: str, path: str = "") -> None:
        self.problem = problem
        self.path = path
        super().__init__(message)


def apply_edits(files: Mapping[str, bytes], edits: Iterable[Edit], allows: Callable[[str], bool]) -> dict[str, bytes]:
    """The new contents of the files that the edits change. Every edit is about a file as it is in `files`.

    Raises EditError, which names the first edit that cannot be made.
    """
    by_path: dict[str, list[tuple[int, Edit]]] = {}
    for number, edit in enumerate(edits, 1):
        by_path.setdefault(_plain(edit.path, allows, sorted(files)), []).append((number, edit))
    changed = {path: _edited(path, files.get(path), wanted) for path, wanted in by_path.items()}
    changed = {path: content for path, content in changed.items() if content != files.get(path)}
    if not changed:
        raise EditError("nothing", "The edits change nothing. Say what is to be different.")
    return changed


def _plain(path: str, allows: Callable[[str], bool], known: list[str]) -> str:
    plain = path.strip().replace("\\", "/").removeprefix("./")
    if ".." in plain.split("/") or not allows(plain):
        named = ", ".join(known[:_NAMED])
        raise EditError("elsewhere", f"{path!r} is not a file that you may change. You may change: {named}.", plain)
    return plain


def _edited(path: str, before: bytes | None, edits: list[tuple[int, Edit]]) -> bytes:
    """The file with all of its edits made, each found in the file as it was."""
    mark = _BOM if before is not None and before.startswith(_BOM) else b""
    text = (before or b"")[len(mark) :]
    found = sorted((_place(path, text, number, edit, is_new=before is None) for number, edit in edits), key=_start)
    for (_, end, _, number), (start, _, _, later) in pairwise(found):
        if start < end:
            raise EditError(
                "mismatch", f"Edits {number} and {later} are about the same place of {path}. Make them one."
            )
    parts, at = [mark], 0
    for start, end, new, _ in found:
        parts += [text[at:start], new]
        at = end
    return b"".join([*parts, text[at:]])


def _start(place: tuple[int, int, bytes, int]) -> tuple[int, int]:
    return place[0], place[1]


def _place(path: str, text: bytes, number: int, edit: Edit, *, is_new: bool) -> tuple[int, int, bytes, int]:
    """Where the edit begins and ends, what comes there, and its number."""
    search, replace = _encoded(edit.search, number), _encoded(edit.replace, number)
    if edit.whole_file and _FEW_LINES < text.count(b"\n") > 2 * replace.count(b"\n"):
        words = f"What you gave for {path} is less than half of it. Give only the change, as a SEARCH/REPLACE block."
        raise EditError("mismatch", words)
    if edit.whole_file or (not search and not text):
        return 0, len(text), _with_line_ends(replace, text), number
    if not search:
        words = f"Edit {number}: `search` is empty, but {path} is not. Copy the text that is to be replaced from it."
        raise EditError("mismatch", words)
    if is_new:
        raise EditError("mismatch", f"Edit {number}: there is no {path} yet. To make it, leave `search` empty.")
    places = _occurrences(text, search, whole_lines=edit.whole_lines, takes_end=not replace)
    if not places:
        raise EditError("mismatch", f"Edit {number}: `search` does not occur in {path}. {_nearest(text, search)}")
    at = [1 + text.count(b"\n", 0, start) for start, _ in places]
    if len(places) > 1 and edit.line in at:
        places = [places[at.index(edit.line)]]
    if len(places) > 1:
        lines = ", ".join(map(str, at[:_NAMED]))
        more = ", …" if len(places) > _NAMED else ""
        raise EditError(
            "mismatch",
            f"Edit {number}: `search` occurs {len(places)} times in {path} (lines {lines}{more}). "
            "Copy more lines around the one that you mean, until it occurs once.",
        )
    start, end = places[0]
    around = text[start:end] if b"\n" in text[start:end] else text
    return start, end, _with_line_ends(replace, around), number


def _encoded(text: str, number: int) -> bytes:
    try:
        return text.removeprefix("\ufeff").replace("\r\n", "\n").encode()
    except UnicodeEncodeError:
        words = f"Edit {number} holds a character that cannot be written to a file."
        raise EditError("mismatch", words) from None


def _with_line_ends(new: bytes, like: bytes) -> bytes:
    """The line endings of most of the text that it comes into."""
    windows = 2 * like.count(b"\r\n") > like.count(b"\n")
    return new.replace(b"\n", b"\r\n") if windows else new


def _occurrences(text: bytes, search: bytes, *, whole_lines: bool, takes_end: bool) -> list[tuple[int, int]]:
    """Where `search` stands, whatever the line endings; also where two of them overlap."""
    pattern = rb"(?:\r\n|(?<!\r)\n)".join(re.escape(line) for line in search.split(b"\n"))
    if whole_lines:
        end = rb"(?:\r?\n|\Z)" if takes_end else rb"(?=\r?\n|\Z)"
        pattern = rb"(?:\A|(?<=\n))" + pattern + end
    compiled, places, at = re.compile(pattern), [], 0
    while found := compiled.search(text, at):
        places.append(found.span())
        at = found.start() + 1
    return places


def _nearest(text: bytes, search: bytes) -> str:
    """The lines of the file that are most like what was looked for."""
    lines = text.decode("utf-8", errors="replace").splitlines()
    wanted = search.decode("utf-8", errors="replace").splitlines()
    at_wanted = max(range(len(wanted)), key=lambda n: len(wanted[n].strip()[:_SHOWN_WIDTH]), default=0)
    anchor = wanted[at_wanted].strip()[:_SHOWN_WIDTH] if wanted else ""
    by_line = {line.strip()[:_SHOWN_WIDTH]: n for n, line in reversed([*enumerate(lines[:_COMPARED_LINES])])}
    like = difflib.get_close_matches(anchor, by_line, n=1, cutoff=0.5) if anchor else []
    if not like:
        return "Nothing in the file is like it. Copy the text that is to be replaced from the file, word for word."
    first = max(by_line[like[0]] - at_wanted, 0)
    shown = lines[first : first + min(len(wanted), _SHOWN_LINES)]
    numbered = "\n".join(f"{first + n:>5} | {line[:_SHOWN_WIDTH]}" for n, line in enumerate(shown, 1))
    same = " ".join(" ".join(shown).split()) == " ".join(" ".join(wanted).split())
    how = "The nearest lines differ in blanks only" if same else "The nearest lines are"
    if "�" in numbered:
        how = "Leave out the lines that hold a �: it stands for what is no UTF-8. The nearest lines are"
    return f"{how} (the numbers are not part of them):\n{numbered}"
