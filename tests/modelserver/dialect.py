"""What every provider's language is: how a request is read, and how an answer and a failure are written in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Protocol

from tests.modelserver.script import Answer, Asked, Why
from tests.modelserver.tools import Called


class Dialect(Protocol):
    """One API."""

    def read(self, body: dict[str, Any], key: str) -> Asked:
        """The request in no provider's language."""
        ...

    def whole(self, asked: Asked, answer: Answer, called: Called | None) -> dict[str, Any]:
        """The answer in one piece."""
        ...

    def events(self, asked: Asked, answer: Answer, called: Called | None) -> Iterator[str]:
        """The answer as a stream of server-sent events."""
        ...

    def failure(self, why: Why) -> tuple[int, dict[str, Any]]:
        """The status and the body with which the provider says what is wrong."""
        ...


def event(data: dict[str, Any], name: str = "") -> str:
    """One server-sent event."""
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"


def pieces(text: str) -> Iterator[str]:
    """A text as it comes, piece by piece; long ones in few."""
    size = max(20, len(text) // 200)
    yield from (text[at : at + size] for at in range(0, len(text), size))


def text_of(content: Any) -> str:
    """The text in a message's content: a string, or parts that hold some."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return text_of(content.get("text") or content.get("content") or content.get("output") or "")
    return "\n".join(filter(None, map(text_of, content))) if isinstance(content, list) else ""
