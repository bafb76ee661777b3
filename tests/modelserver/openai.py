"""The two languages of OpenAI: chat completions, which many speak, and responses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tests.modelserver.dialect import event, pieces, text_of
from tests.modelserver.script import CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, Answer, Asked, Tool, Why
from tests.modelserver.tools import Called

_FAILURES: dict[Why, tuple[int, str, str | None, str]] = {
    "key": (401, "invalid_request_error", "invalid_api_key", "Incorrect API key provided: sk-no***key."),
    "credit": (
        *(429, "insufficient_quota", "insufficient_quota"),
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "model": (
        *(404, "invalid_request_error", "model_not_found"),
        "The model `no-such-model` does not exist or you do not have access to it.",
    ),
    "limit": (
        *(429, "requests", "rate_limit_exceeded"),
        "Rate limit reached for gpt-5 on requests per min (RPM): Limit 3, Used 3. Please try again in 20s.",
    ),
    "overloaded": (503, "server_error", None, "The server is overloaded. Please try again later."),
    "broken": (500, "server_error", None, "The server had an error while processing your request."),
}


def _failure(why: Why) -> tuple[int, dict[str, Any]]:
    status, kind, code, words = _FAILURES[why]
    return status, {"error": {"message": words, "type": kind, "param": None, "code": code}}


class Chat:
    """`/v1/chat/completions`."""

    def read(self, body: dict[str, Any], key: str) -> Asked:
        """Each tool answers in a message of its own."""
        tools = [
            Tool(tool["function"]["name"], tool["function"].get("parameters") or {}) for tool in body.get("tools") or ()
        ]
        asked = Asked("chat", body["model"], key, bool(body.get("stream")), "", tools)
        for message in body["messages"]:
            words = text_of(message.get("content") or "")
            if message["role"] in ("system", "developer"):
                asked.system += words
            elif message["role"] == "tool":
                asked.result(words)
            elif message["role"] == "user":
                asked.user(words)
            else:
                asked.answered = True
        return asked

    def whole(self, asked: Asked, answer: Answer, called: Called | None) -> dict[str, Any]:
        """One choice."""
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
        if answer.refused:
            message |= {"content": None, "refusal": answer.text}
        if answer.thoughts:
            message["reasoning_content"] = answer.thoughts
        if called:
            message["tool_calls"] = [_chat_call(asked, called)]
        choice = {"index": 0, "message": message, "finish_reason": _why_it_ends(answer, called)}
        return {**_chat_head(asked), "object": "chat.completion", "choices": [choice], "usage": _CHAT_USAGE}

    def events(self, asked: Asked, answer: Answer, called: Called | None) -> Iterator[str]:
        """Chunks, then the usage in one without a choice."""
        head = {**_chat_head(asked), "object": "chat.completion.chunk"}

        def chunk(delta: dict[str, Any], finish: str | None = None) -> str:
            return event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

        yield chunk({"role": "assistant", "content": ""})
        for piece in pieces(answer.thoughts):
            yield chunk({"reasoning_content": piece})
        for piece in pieces(answer.text):
            yield chunk({"refusal" if answer.refused else "content": piece})
        if called:
            call = _chat_call(asked, called)
            arguments = call["function"]["arguments"]
            opened = {**call, "index": 0, "function": {"name": called.name, "arguments": ""}}
            yield chunk({"tool_calls": [opened]})
            for piece in pieces(arguments):
                yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
        yield chunk({}, _why_it_ends(answer, called))
        yield event({**head, "choices": [], "usage": _CHAT_USAGE})
        yield "data: [DONE]\n\n"

    def failure(self, why: Why) -> tuple[int, dict[str, Any]]:
        """As OpenAI's reference has them."""
        return _failure(why)


_CHAT_USAGE = {
    "prompt_tokens": INPUT_TOKENS,
    "completion_tokens": OUTPUT_TOKENS,
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
    "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS},
}


def _chat_head(asked: Asked) -> dict[str, Any]:
    name = f"chatcmpl-{len(asked.turns)}-{asked.results}"
    return {"id": name, "created": 1_750_000_000, "model": asked.model, "provider": "OpenAI"}  # OpenRouter says whose


def _why_it_ends(answer: Answer, called: Called | None) -> str:
    return "tool_calls" if called else "content_filter" if answer.refused else "stop"


def _chat_call(asked: Asked, called: Called) -> dict[str, Any]:
    name = f"call_{len(asked.turns)}_{asked.results}"
    return {"id": name, "type": "function", "function": {"name": called.name, "arguments": called.json}}


class Responses:
    """`/v1/responses`."""

    def read(self, body: dict[str, Any], key: str) -> Asked:
        """Everything is an item of the input."""
        asked = Asked(
            *("responses", body["model"], key, bool(body.get("stream")), text_of(body.get("instructions") or "")),
            tools=_tools(body.get("tools") or ()),
        )
        items = body["input"]
        for item in [{"role": "user", "content": items}] if isinstance(items, str) else items:
            kind, role = item.get("type", "message"), item.get("role")
            if kind == "additional_tools":
                asked.tools += _tools(item["tools"])
            elif kind in ("function_call_output", "custom_tool_call_output"):
                asked.result(text_of(item.get("output") or ""))
            elif role in ("system", "developer"):
                asked.system += text_of(item.get("content") or "")
            elif role == "user":
                asked.user(text_of(item.get("content") or ""))
            else:
                asked.answered = True
        return asked

    def whole(self, asked: Asked, answer: Answer, called: Called | None) -> dict[str, Any]:
        """All of its output."""
        return _response(asked, "completed", _output(asked, answer, called))

    def events(self, asked: Asked, answer: Answer, called: Called | None) -> Iterator[str]:
        """Each item of the output as it grows."""
        number = -1

        def said(kind: str, **data: Any) -> str:
            nonlocal number
            number += 1
            return event({"type": kind, "sequence_number": number, **data}, kind)

        yield said("response.created", response=_response(asked, "in_progress", []))
        output = _output(asked, answer, called)
        for index, item in enumerate(output):
            at = {"output_index": index, "item_id": item["id"]}
            yield said("response.output_item.added", output_index=index, item={**item, **_UNFINISHED[item["type"]]})
            if item["type"] == "message":
                part = item["content"][0]
                field = "refusal" if part["type"] == "refusal" else "text"
                kind = "refusal" if part["type"] == "refusal" else "output_text"
                place = {**at, "content_index": 0}
                yield said("response.content_part.added", **place, part={**part, field: ""})
                for piece in pieces(part[field]):
                    yield said(f"response.{kind}.delta", **place, delta=piece)
                yield said(f"response.{kind}.done", **place, **{field: part[field]})
                yield said("response.content_part.done", **place, part=part)
            elif item["type"] == "function_call":
                for piece in pieces(item["arguments"]):
                    yield said("response.function_call_arguments.delta", **at, delta=piece)
                yield said("response.function_call_arguments.done", **at, arguments=item["arguments"])
            elif item["type"] == "custom_tool_call":
                yield said("response.custom_tool_call_input.delta", **at, delta=item["input"])
                yield said("response.custom_tool_call_input.done", **at, input=item["input"])
            yield said("response.output_item.done", output_index=index, item=item)
        yield said("response.completed", response=_response(asked, "completed", output))

    def failure(self, why: Why) -> tuple[int, dict[str, Any]]:
        """The same as for chat."""
        return _failure(why)


def _tools(offered: Iterable[dict[str, Any]]) -> list[Tool]:
    """Also those in namespaces; what the provider runs itself is left out."""
    found: list[Tool] = []
    for tool in offered:
        if tool["type"] == "namespace":
            found += _tools(tool["tools"])
        elif tool["type"] in ("function", "custom"):
            found.append(Tool(tool["name"], tool.get("parameters") or {}, is_freeform=tool["type"] == "custom"))
    return found


_UNFINISHED: dict[str, dict[str, Any]] = {
    "reasoning": {"summary": []},
    "message": {"status": "in_progress", "content": []},
    "function_call": {"status": "in_progress", "arguments": ""},
    "custom_tool_call": {"status": "in_progress", "input": ""},
}


def _response(asked: Asked, status: str, output: list[dict[str, Any]]) -> dict[str, Any]:
    done = status == "completed"
    return {
        "id": f"resp_{len(asked.turns)}_{asked.results}",
        "object": "response",
        "created_at": 1_750_000_000,
        "status": status,
        "model": asked.model,
        "output": output,
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": _RESPONSE_USAGE if done else None,
    }


_RESPONSE_USAGE = {
    "input_tokens": INPUT_TOKENS,
    "input_tokens_details": {"cached_tokens": CACHED_TOKENS},
    "output_tokens": OUTPUT_TOKENS,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": INPUT_TOKENS + OUTPUT_TOKENS,
}


def _output(asked: Asked, answer: Answer, called: Called | None) -> list[dict[str, Any]]:
    at = f"{len(asked.turns)}_{asked.results}"
    items: list[dict[str, Any]] = []
    if answer.thoughts:
        summary = [{"type": "summary_text", "text": answer.thoughts}]
        items.append({"type": "reasoning", "id": f"rs_{at}", "summary": summary})
    if answer.text or not called:
        part: dict[str, Any] = {"type": "output_text", "text": answer.text, "annotations": []}
        if answer.refused:
            part = {"type": "refusal", "refusal": answer.text}
        message = {"type": "message", "id": f"msg_{at}", "role": "assistant", "status": "completed", "content": [part]}
        items.append(message)
    if called:
        call = {"call_id": f"call_{at}", "name": called.name, "status": "completed"}
        if called.text is None:
            items.append({"type": "function_call", "id": f"fc_{at}", "arguments": called.json, **call})
        else:
            items.append({"type": "custom_tool_call", "id": f"ctc_{at}", "input": called.text, **call})
    return items
