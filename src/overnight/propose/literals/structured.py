"""What can be turned in a JSON or YAML document: its numbers and switches, named by their path of keys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from overnight.propose.literals.choices import Comment, with_choices
from overnight.propose.literals.numbers import read
from overnight.propose.literals.place import CONSTANT, CannotParseError, Place, is_knob

_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}\[\]:,]', re.DOTALL)
_YAML_COMMENT = re.compile(r"(?:(?<=\s)|^)#[^\r\n]*", re.MULTILINE)
SWITCHES = {"true": "false", "yes": "no", "on": "off"}
SWITCHES |= {off: on for on, off in SWITCHES.items()}


def find_in_json(source: str) -> list[Place]:
    check_json(source)
    return [place for path, start, text in _json_scalars(source) if (place := _place(path, start, text))]


def check_json(source: str) -> None:
    try:
        json.loads(source)
    except (ValueError, RecursionError) as problem:
        raise CannotParseError(str(problem)) from None


def _json_scalars(source: str) -> Iterator[tuple[list[str], int, str]]:
    """Every scalar with its path. The document is known to be valid, so that counting brackets is enough."""
    path: list[str | int] = []
    key_next = False
    for match in _JSON_TOKEN.finditer(source):
        token = match[0]
        if token in "{[":
            path.append("" if token == "{" else 0)
            key_next = token == "{"
        elif token in "}]":
            path.pop()
        elif token == ",":
            last = path[-1]
            key_next = isinstance(last, str)
            path[-1] = last if isinstance(last, str) else last + 1
        elif key_next:
            path[-1], key_next = json.loads(token), False
        elif token != ":":
            yield [key if isinstance(key, str) else f"[{key}]" for key in path], match.start(), token


def find_in_yaml(source: str) -> list[Place]:
    places: list[Place] = []
    for document in _yaml_documents(source):
        for path, start, text in _yaml_scalars(document, []):
            place = _place(path, start, text)
            if place is not None and source.startswith(text, start):
                places.append(place)
    comments = [Comment(*match.span()) for match in _YAML_COMMENT.finditer(source)]
    return with_choices(source, comments, places)


def check_yaml(source: str) -> None:
    _yaml_documents(source)


def _yaml_documents(source: str) -> list[Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415 (slow to import, and few need it)
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        return [document for document in YAML().compose_all(source) if document is not None]
    except (YAMLError, ValueError, RecursionError) as problem:
        raise CannotParseError(" ".join(str(problem).split())[:200]) from None


def _yaml_scalars(node: Any, path: list[str]) -> Iterator[tuple[list[str], int, str]]:
    if node.id == "mapping":
        for key, value in node.value:
            yield from _yaml_scalars(value, [*path, str(key.value)])
    elif node.id == "sequence":
        for index, value in enumerate(node.value):
            yield from _yaml_scalars(value, [*path, f"[{index}]"])
    elif node.id == "scalar" and not node.style:  # quoted and block scalars are text, whatever they look like
        yield path, node.start_mark.index, node.value


def _place(path: list[str], start: int, text: str) -> Place | None:
    number = read(text)
    name = ".".join(path).replace(".[", "[") or "value"
    if (number is None and text.lower() not in SWITCHES) or not is_knob(name, text):
        return None
    return Place(
        id=name,
        label=name,
        named=True,
        kind="boolean" if number is None else "number",
        start=start,
        end=start + len(text),
        text=text,
        weight=CONSTANT,
    )
