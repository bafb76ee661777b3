"""What kind of idea a change is: which functions and names it touches, and whether it is one that was tried before."""

from __future__ import annotations

import ast
import difflib
import hashlib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence

_LARGEST = 2**19
_MOST_PLACES = 6
_MOST_LINES = 3000
"""More changed ones than these are not compared one by one."""
_HEADER = re.compile(
    r"(?:export\s+|default\s+|pub\s+|async\s+|static\s+)*(?:def|class|function|fn|func|impl|struct|module|interface|sub)\s+"
    r"(?P<name>[A-Za-z_$][\w$]*)"
)
_NAME = re.compile(r"[-*#<\[{\"'(\s]*(?:export |const |let |var |pub |static )*(?P<name>[A-Za-z_$@.][\w$.-]*)")

_KEY = re.compile(r"""\s+["']?(?P<name>[A-Za-z_$][\w$-]*)["']?\s*[:=]""")


def places_of(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> tuple[str, ...]:
    """The functions and names that a change touches, in the order of the files: `("GPT.forward", "LR")`.

    Read off the indentation, so that it works for any language; where several files may be changed, the file's name
    comes first.
    """
    several = len({*before, *after}) > 1
    found: dict[str, None] = {}
    for path in sorted({*before, *after}):
        old, new = _lines(before.get(path, b"")), _lines(after.get(path, b""))
        if before.get(path) == after.get(path):
            continue
        for side, index in _changed(old, new):
            name = _place(side, index)
            found[f"{path}: {name}" if several else name] = None
    return tuple(found)[:_MOST_PLACES]


def change_of(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> str:
    """SHA-256 of what a change adds and takes away, whatever its layout and comments, wherever in the file it is."""
    digest = hashlib.sha256()
    for path in sorted({*before, *after}):
        old, new = before.get(path, b""), after.get(path, b"")
        if old != new:
            # Where only comments or layout differ, those are the change.
            marked = _marked(_normalised(path, old), _normalised(path, new)) or _marked(_lines(old), _lines(new))
            digest.update("\n".join((path, *marked, "")).encode(errors="replace"))
    return digest.hexdigest()


def _marked(old: list[str], new: list[str]) -> list[str]:
    """The lines that went and those that came, each with a mark of which it is."""
    return [f"{side is new:d}{side[index]}" for side, index in _changed(old, new, both=True)]


def _lines(content: bytes) -> list[str]:
    return content[:_LARGEST].decode("utf-8", errors="replace").splitlines()


def _changed(old: list[str], new: list[str], *, both: bool = False) -> Iterator[tuple[list[str], int]]:
    """The lines that came, as (lines, index), and those that went: where nothing came, or with `both` everywhere."""
    first, left_out = _common_ends(old, new)
    old_end, new_end = len(old) - left_out, len(new) - left_out
    steps: Sequence[tuple[str, int, int, int, int]] = [("replace", 0, old_end - first, 0, new_end - first)]
    if max(old_end, new_end) - first < _MOST_LINES:
        steps = difflib.SequenceMatcher(None, old[first:old_end], new[first:new_end]).get_opcodes()
    for tag, old_from, old_to, new_from, new_to in steps:
        if tag == "equal":
            continue
        if both or new_to == new_from:
            yield from ((old, first + index) for index in range(old_from, old_to) if old[first + index].strip())
        yield from ((new, first + index) for index in range(new_from, new_to) if new[first + index].strip())


def _common_ends(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many lines two texts begin, and then end, with alike: most changes are small, and comparing is slow."""
    most = min(len(old), len(new))
    first = next((index for index in range(most) if old[index] != new[index]), most)
    last = next((index for index in range(most - first) if old[-1 - index] != new[-1 - index]), most - first)
    return first, last


def _place(lines: list[str], index: int) -> str:
    """The function or class around a line, or the name that the line itself begins with."""
    depth, names, outermost = _depth(lines[index]), [], lines[index]
    own = _HEADER.match(lines[index].lstrip())
    if own:
        names.append(own["name"])
    for line in reversed(lines[:index]):
        if depth == 0:
            break
        if line.strip() and _depth(line) < depth:
            depth, outermost = _depth(line), line
            if header := _HEADER.match(line.lstrip()):
                names.append(header["name"])
    if names:
        return ".".join(reversed(names))
    outer, own_key = _NAME.match(outermost), _KEY.match(lines[index])
    if outer is None:
        return "layout"
    return f"{outer['name']}.{own_key['name']}" if own_key and outermost is not lines[index] else outer["name"]


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _normalised(path: str, content: bytes) -> list[str]:
    """Its lines without what cannot matter: comments and layout where the grammar is known, else blanks."""
    text = content.decode("utf-8", errors="replace")
    if path.endswith(".py") and len(text) < _LARGEST:
        try:
            with warnings.catch_warnings(action="ignore"):
                text = ast.unparse(ast.parse(text))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass
        else:
            return text.splitlines()
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]
