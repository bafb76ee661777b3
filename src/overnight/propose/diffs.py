"""A unified diff, as git and people and models write it, made on the files as they are.

The lines of a hunk tell where it belongs; its line numbers decide only where those lines occur more than once, since
whoever writes a diff by hand counts badly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from overnight.propose.edits import Edit, EditError, apply_edits

_HUNK = re.compile(r"@@(?: -(?P<line>\d+))?.*")
_NOWHERE = "/dev/null"
_HOW = "Write it as `git diff` does: `--- a/FILE`, `+++ b/FILE`, `@@ -LINE,COUNT +LINE,COUNT @@`, then the lines."


@dataclass
class _Hunk:
    line: int | None
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)


@dataclass
class _File:
    old: str
    new: str
    hunks: list[_Hunk] = field(default_factory=list)


def apply_diff(files: Mapping[str, bytes], diff: str, allows: Callable[[str], bool]) -> dict[str, bytes | None]:
    """The new contents of the files that a diff changes; None for one that it deletes.

    Raises EditError, with what is wrong and how to mend it.
    """
    edits: list[Edit] = []
    gone: dict[str, None] = {}
    for file in _files(diff.replace("\r\n", "\n").split("\n")):
        path = file.old if file.new == _NOWHERE else file.new
        if file.new == _NOWHERE and path in files and allows(path):
            gone[path] = None
            continue
        edits += [_edit(path, hunk) for hunk in file.hunks]
    if not edits and not gone:
        raise EditError("nothing", f"There is no change in the patch. {_HOW}")
    try:
        changed = apply_edits(files, edits, allows) if edits else {}
    except EditError as error:  # What a model's edits are called there is a hunk here.
        words = re.sub(r"\bEdit(s?)\b", r"Hunk\1", str(error)).replace("`search`", "its old text")
        raise EditError(error.problem, words, error.path) from None
    return {**changed, **gone}


def _edit(path: str, hunk: _Hunk) -> Edit:
    old, new = hunk.old, hunk.new
    if not old:  # The file is new or empty, or there is no telling where it belongs.
        return Edit(path, "", "\n".join([*new, ""]))
    if [""] in (old, new):  # One blank line and no line at all would be the same to an edit.
        raise EditError("mismatch", f"A hunk for {path} has no lines around the change. Leave three before and after.")
    return Edit(path, "\n".join(old), "\n".join(new), whole_lines=True, line=hunk.line)


def _files(lines: list[str]) -> Iterator[_File]:
    """Each file that the diff names, with its hunks."""
    file: _File | None = None
    at = 0
    while at < len(lines):
        if _is_header(lines, at):
            if file is not None:
                yield file
            file = _File(*_names(lines[at], lines[at + 1]))
            at += 2
        elif file is not None and (found := _HUNK.fullmatch(lines[at])):
            hunk = _Hunk(int(found["line"]) if found["line"] else None)
            at = _read_hunk(lines, at + 1, hunk)
            file.hunks.append(hunk)
        else:
            at += 1  # `diff --git`, `index`, fences and words around it.
    if file is not None:
        yield file


def _is_header(lines: list[str], at: int) -> bool:
    """Whether a file begins here. A line that was taken away may look like its first line, but not like all three."""
    three = [*lines[at : at + 3], "", ""]
    return three[0].startswith("--- ") and three[1].startswith("+++ ") and _HUNK.fullmatch(three[2]) is not None


def _names(old: str, new: str) -> tuple[str, str]:
    before, after = (line[4:].split("\t")[0].strip() for line in (old, new))
    is_git = all(name == _NOWHERE or name.startswith(mark) for name, mark in ((before, "a/"), (after, "b/")))
    if not is_git:
        return before, after
    return before if before == _NOWHERE else before[2:], after if after == _NOWHERE else after[2:]


def _read_hunk(lines: list[str], at: int, hunk: _Hunk) -> int:
    """Read a hunk whose lines begin at `at`; where it is over."""
    blank = 0
    while at < len(lines) and not _is_header(lines, at):
        sign, rest = lines[at][:1], lines[at][1:]
        if sign not in ("", " ", "-", "+", "\\"):
            break
        if sign in ("", " ", "-"):
            hunk.old.append(rest)
        if sign in ("", " ", "+"):
            hunk.new.append(rest)
        blank = 0 if lines[at] else blank + 1
        at += 1
    for _ in range(blank):  # They are seldom meant to be in the hunk, and one that is can be done without.
        hunk.old.pop()
        hunk.new.pop()
    return at
