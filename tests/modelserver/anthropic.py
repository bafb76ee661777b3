"""The language of Anthropic's messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.modelserver.dialect import event, pieces, text_of
from tests.modelserver.script import CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, Answer, Asked, Tool, Why
from tests.modelserver.tools import Called

_FAILURES: dict[Why, tuple[int, str, str]] = {
    "key": (401, "authentication_error", "invalid x-api-key"),
    "credit": (
        *(400, "invalid_request_error"),
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade.",
    ),
    "model": (404, "not_found_error", "model: no-such-model"),
    "limit": (429, "rate_limit_error", "This request would exceed your organization's rate limit."),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "broken": (500, "api_error", "Internal server error"),
}


class Messages:
    """`/v1/messages`."""

    def read(self, body: dict[str, Any], key: str) -> Asked:
        """Tools answer in messages of the user's."""
        tools = [Tool(tool["name"], tool.get("input_schema") or {}) for tool in body.get("tools") or ()]
        asked = Asked(
            "anthropic", body["model"], key, bool(body.get("stream")), text_of(body.get("system") or ""), tools
        )
        for message in body["messages"]:
            content = message["content"]
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            if message["role"] == "assistant":
                asked.answered = True
                continue
            results = [part for part in parts if part["type"] == "tool_result"]
            for part in results:
                asked.result(text_of(part.get("content") or ""))
            if not results:
                asked.user(text_of(parts))
        return asked

    def whole(self, asked: Asked, answer: Answer, called: Called | None) -> dict[str, Any]:
        """One message."""
        return {
            **_message(asked),
            "content": _blocks(asked, answer, called),
            "stop_reason": _why_it_ends(answer, called),
            "usage": _usage(OUTPUT_TOKENS),
        }

    def events(self, asked: Asked, answer: Answer, called: Called | None) -> Iterator[str]:
        """The message, block by block."""
        start = {**_message(asked), "content": [], "stop_reason": None, "usage": _usage(1)}
        yield event({"type": "message_start", "message": start}, "message_start")
        for index, block in enumerate(_blocks(asked, answer, called)):
            empty, deltas = _in_deltas(block)
            opened = {"type": "content_block_start", "index": index, "content_block": empty}
            yield event(opened, "content_block_start")
            for delta in deltas:
                moved = {"type": "content_block_delta", "index": index, "delta": delta}
                yield event(moved, "content_block_delta")
            yield event({"type": "content_block_stop", "index": index}, "content_block_stop")
        end = {"stop_reason": _why_it_ends(answer, called), "stop_sequence": None}
        yield event({"type": "message_delta", "delta": end, "usage": {"output_tokens": OUTPUT_TOKENS}}, "message_delta")
        yield event({"type": "message_stop"}, "message_stop")

    def failure(self, why: Why) -> tuple[int, dict[str, Any]]:
        """As Anthropic's reference has them."""
        status, kind, words = _FAILURES[why]
        return status, {"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_1"}


def _message(asked: Asked) -> dict[str, Any]:
    name = f"msg_{asked.experiment or 0}_{len(asked.turns)}_{asked.results}"
    return {"id": name, "type": "message", "role": "assistant", "model": asked.model, "stop_sequence": None}


def _usage(written: int) -> dict[str, int]:
    return {
        "input_tokens": INPUT_TOKENS - CACHED_TOKENS,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": CACHED_TOKENS,
        "output_tokens": written,
    }


def _why_it_ends(answer: Answer, called: Called | None) -> str:
    return "tool_use" if called else "refusal" if answer.refused else "end_turn"


def _blocks(asked: Asked, answer: Answer, called: Called | None) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if answer.thoughts:
        blocks.append({"type": "thinking", "thinking": answer.thoughts, "signature": "c2lnbmVk"})
    if answer.text:
        blocks.append({"type": "text", "text": answer.text})
    if called:
        name = f"toolu_{len(asked.turns)}_{asked.results}"
        blocks.append({"type": "tool_use", "id": name, "name": called.name, "input": called.arguments})
    return blocks


def _in_deltas(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The block as it starts, and how it grows."""
    if block["type"] == "thinking":
        grown = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"])]
        signed = {"type": "signature_delta", "signature": block["signature"]}
        return {"type": "thinking", "thinking": "", "signature": ""}, [*grown, signed]
    if block["type"] == "text":
        return {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces(block["text"])]
    arguments = json.dumps(block["input"])
    return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces(arguments)]
