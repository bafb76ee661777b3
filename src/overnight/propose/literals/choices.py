"""Alternatives that a comment names: `ACTIVATION = "relu"  # try: relu, gelu, tanh`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from overnight.propose.literals.place import CONSTANT, Place, shorten, skeleton

_TRY = re.compile(r"\btry:[ \t]*(?P<list>[^\r\n]+)", re.IGNORECASE)
_ITEM = re.compile(r""""[^"]*"|'[^']*'|(?:(?!\s+or\s+)[^,|"'])+""")
_VALUE = re.compile(r"""[:=]\s*(?P<value>"[^"]*"|'[^']*'|-?[\w.]+)[\s,;)\]}]*$""")
_KEY = re.compile(r"""(?P<key>[A-Za-z_][\w.-]*)["']?\s*(?::[^=:]*)?[:=]\s*$""")


@dataclass(frozen=True)
class Comment:
    """A comment by its characters in the file."""

    start: int
    end: int


def with_choices(source: str, comments: Iterable[Comment], places: list[Place], *, prose: bool = False) -> list[Place]:
    """Add a place for every `try:` comment; the literal it speaks about is turned by it alone from then on."""
    for found in _choices(source, comments, prose):
        choice = found
        overlapped = [place for place in places if place.start < choice.end and choice.start < place.end]
        same = next((place for place in overlapped if place.start == choice.start), None)
        if same is not None:
            choice = replace(choice, id=same.id, label=same.label, named=same.named)
        places = [place for place in places if place not in overlapped] + [choice]
    return places


def _choices(source: str, comments: Iterable[Comment], prose: bool) -> Iterator[Place]:
    for comment in comments:
        match = _TRY.search(source, comment.start, comment.end)
        if match is None:
            continue
        start, end = _line_it_speaks_about(source, comment)
        found = _locate(source[start:end], _items(match["list"], prose))
        if found is not None:
            (first, last), alternatives = found
            yield _place(source, start, (start + first, start + last), alternatives, prose)


def _line_it_speaks_about(source: str, comment: Comment) -> tuple[int, int]:
    """The code before the comment, or the next line where the comment has a line of its own."""
    start = source.rfind("\n", 0, comment.start) + 1
    if source[start : comment.start].strip():
        return start, comment.start
    start = source.find("\n", comment.end) + 1 or len(source)
    end = source.find("\n", start)
    return start, len(source) if end < 0 else end


def _items(text: str, prose: bool) -> list[str]:
    text = re.sub(r"(?:\*/|-->).*$", "", text).strip().removesuffix(".")
    text = re.sub(r"(?<=\s)or\s", ",", text)
    items = [item.strip() for item in _ITEM.findall(text)]
    return [item for item in items if item and (prose or item[0] in "\"'" or " " not in item)]


def _locate(code: str, items: list[str]) -> tuple[tuple[int, int], list[str]] | None:
    """Where on the line one of the alternatives stands now; else the line's only value."""
    for item in sorted(items, key=len, reverse=True):
        bare = re.escape(_bare(item))
        pattern = rf"""(?P<quote>["'])(?:{bare})(?P=quote)|(?<![\w.'"-]){bare}(?![\w'"-]|\.\w|\s*[=:])"""
        matches = list(re.finditer(pattern, code))
        if matches:
            return matches[-1].span(), items
    value = _VALUE.search(code)
    return (value.span("value"), items) if value else None


def _place(source: str, line: int, span: tuple[int, int], items: list[str], prose: bool) -> Place:
    start, end = span
    text = source[start:end]
    quote = text[0] if text[0] in "\"'" else ""
    written = [_written(item, quote, prose) for item in items]
    key = _KEY.search(source, line, start)
    around = source[line : source.find("\n", line) if "\n" in source[line:] else len(source)]
    return Place(
        id=key["key"] if key else skeleton(source[line:start]) + "_",
        label=key["key"] if key else shorten(around),
        named=key is not None,
        kind="choice",
        start=start,
        end=end,
        text=text,
        weight=CONSTANT,
        alternatives=tuple(dict.fromkeys([text, *written])),
    )


def _written(item: str, quote: str, prose: bool) -> str:
    """The alternative as it is to stand there: in the quotes that are there now, or as the comment has it."""
    bare = _bare(item)
    if quote and quote not in bare:
        return f"{quote}{bare}{quote}"
    return bare if prose else item


def _bare(item: str) -> str:
    return item[1:-1] if item[0] in "\"'" and len(item) > 1 and item[-1] == item[0] else item
