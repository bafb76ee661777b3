"""A change read out of plain text, for models that were not given tools, or did not use them.

Three forms are understood: the JSON that a tool call would have held, SEARCH/REPLACE blocks, and one whole file between
fences. A line `hypothesis: …` goes with the latter two.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from overnight.propose.command import hypothesis_in
from overnight.propose.edits import Edit

_THOUGHTS = re.compile(r"<(think|thinking|reasoning)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_SEARCH = re.compile(r"<{5,9} ?(?:SEARCH|ORIGINAL)\b.*", re.IGNORECASE)
_BETWEEN = re.compile(r"={5,9}\s*")
_REPLACE = re.compile(r">{5,9} ?(?:REPLACE|UPDATED)\b.*", re.IGNORECASE)
_FENCE = re.compile(r"\s{0,3}(?P<mark>`{3,}|~{3,})\s*(?P<info>[^`]*)")
_NO_FILES = frozenset({"diff", "patch", "bash", "sh", "shell", "console", "text", "output"})
_LONGEST_NAME_LINE = 200
_MOST_JSON = 200


@dataclass(frozen=True)
class Change:
    """What a model suggests."""

    hypothesis: str
    edits: tuple[Edit, ...]


def read_answer(text: str, editable: Sequence[str]) -> Change | None:
    """The change that an answer holds; None where there is none to be seen. `editable` are the files as they are named.

    Never raises: what a model says can be anything.
    """
    text = _THOUGHTS.sub("", text).replace("\r\n", "\n")
    for edits in (_from_json(text, editable), _from_blocks(text, editable), _from_fence(text, editable)):
        if isinstance(edits, Change):
            return edits
        if edits:
            return Change(hypothesis_in(text), tuple(edits))
    return None


def _from_json(text: str, editable: Sequence[str]) -> Change | None:
    for found in objects_in(text):
        held = _arguments(found)
        edits = held.get("edits")
        made = [_edit(each, editable) for each in edits] if isinstance(edits, list) else []
        if made and None not in made:
            hypothesis = held.get("hypothesis")
            return Change(hypothesis if isinstance(hypothesis, str) else "", tuple(filter(None, made)))
    return None


def _arguments(found: dict[str, Any]) -> dict[str, Any]:
    """Those of a tool call that was written out as text; else the object itself."""
    for key in ("arguments", "parameters", "input"):
        inner = found.get(key)
        if isinstance(inner, str):
            inner = next(objects_in(inner), None)
        if isinstance(inner, dict):
            return inner
    return found


def objects_in(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text, the outermost ones."""
    decoder, at = json.JSONDecoder(strict=False), 0
    for _ in range(_MOST_JSON):
        at = text.find("{", at)
        if at < 0:
            return
        try:
            found, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if isinstance(found, dict):
            yield found


def _edit(raw: object, editable: Sequence[str]) -> Edit | None:
    if not isinstance(raw, dict):
        return None
    path = raw.get("path") or _only(editable)
    search, replace = raw.get("search", ""), raw.get("replace")
    if isinstance(path, str) and isinstance(search, str) and isinstance(replace, str):
        return Edit(path, search, replace)
    return None


def _only(editable: Sequence[str]) -> str | None:
    return editable[0] if len(editable) == 1 else None


def _from_blocks(text: str, editable: Sequence[str]) -> list[Edit]:
    """SEARCH/REPLACE blocks; what is cut off in the middle is left out."""
    edits: list[Edit] = []
    path = _only(editable)
    before: list[str] | None = None
    after: list[str] | None = None
    for line in text.split("\n"):
        if before is None:
            path = _named(line, editable) or path
            before = [] if _SEARCH.fullmatch(line.strip()) else None
        elif after is None:
            if _BETWEEN.fullmatch(line):
                after = []
            else:
                before.append(line)
        elif _REPLACE.fullmatch(line.strip()):
            if path is None:
                return []
            edits.append(Edit(path, "\n".join(before), "\n".join(after), whole_lines=True))
            before = after = None
        else:
            after.append(line)
    return edits


def _from_fence(text: str, editable: Sequence[str]) -> list[Edit]:
    """One whole file between fences: the only one that may be changed, or one that is named beside the fence."""
    blocks = list(_fenced(text, editable))
    named = [block for block in blocks if block[0]]
    if len(named) == 1 or (len(blocks) == 1 and len(editable) == 1):
        path, content = (named or blocks)[0]
        return [Edit(path or editable[0], "", content, whole_file=True)]
    return []


def _fenced(text: str, editable: Sequence[str]) -> Iterator[tuple[str | None, str]]:
    """Blocks that may be a file: the file that each is said to be, if any, and what it holds."""
    mark, path, held, last, skip = "", None, list[str](), "", False
    for line in text.split("\n"):
        fence = _FENCE.fullmatch(line)
        if mark:
            if fence and fence["mark"].startswith(mark) and not fence["info"].strip():
                if not skip:
                    yield path, "\n".join([*held, ""])
                mark, held = "", []
            else:
                held.append(line)
        elif fence:
            mark = fence["mark"]
            path = _named(fence["info"], editable) or _named(last, editable)
            skip = fence["info"].strip().lower() in _NO_FILES
        last = line if line.strip() and not fence else last


def _named(line: str, editable: Sequence[str]) -> str | None:
    """The file that a line names, such as a heading `### train.py` or a fence's `python:train.py`."""
    if not line or len(line) > _LONGEST_NAME_LINE:
        return None
    words = [word.strip("`*'\"()[]:,.#") for word in re.split(r"[\s:=]+", line)]
    named = [word.removeprefix("./") for word in words if word and PurePosixPath(word).suffix]
    known = [path for path in named if path in editable]
    return known[0] if len(known) == 1 else None
