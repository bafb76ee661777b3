"""The language of Google's Gemini."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.modelserver.dialect import event, pieces, text_of
from tests.modelserver.script import CACHED_TOKENS, INPUT_TOKENS, OUTPUT_TOKENS, Answer, Asked, Tool, Why
from tests.modelserver.tools import Called

_FAILURES: dict[Why, tuple[int, str, str]] = {
    "key": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "credit": (
        *(429, "RESOURCE_EXHAUSTED"),
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    "model": (404, "NOT_FOUND", "models/no-such-model is not found for API version v1beta."),
    "limit": (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota). Please retry in 20s."),
    "overloaded": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "broken": (500, "INTERNAL", "An internal error has occurred."),
}


class GenerateContent:
    """`/v1beta/models/MODEL:generateContent`, and the same as a stream."""

    def read(self, body: dict[str, Any], key: str) -> Asked:
        """Tools answer in parts of the user's; model and streaming are in the address."""
        declared = [each for tool in body.get("tools") or () for each in tool.get("functionDeclarations") or ()]
        tools = [Tool(each["name"], _schema(each)) for each in declared]
        system = body.get("systemInstruction") or body.get("system_instruction") or {}
        asked = Asked("gemini", body["model"], key, bool(body["stream"]), text_of(system.get("parts") or ""), tools)
        wanted = body.get("generationConfig") or {}
        asked.schema = wanted.get("responseJsonSchema") or wanted.get("responseSchema") or {}
        for content in body["contents"]:
            if content.get("role") == "model":
                asked.answered = True
                continue
            results = [part["functionResponse"] for part in content["parts"] if "functionResponse" in part]
            for result in results:
                asked.result(text_of(result.get("response") or ""))
            if not results:
                asked.user(text_of(content["parts"]))
        return asked

    def whole(self, asked: Asked, answer: Answer, called: Called | None) -> dict[str, Any]:
        """One candidate."""
        parts: list[dict[str, Any]] = []
        if answer.thoughts:
            parts.append({"text": answer.thoughts, "thought": True})
        if answer.text and not answer.refused:
            parts.append({"text": answer.text})
        if called:
            parts.append({"functionCall": {"name": called.name, "args": called.arguments}})
        return _content(asked, parts, "SAFETY" if answer.refused else "STOP")

    def events(self, asked: Asked, answer: Answer, called: Called | None) -> Iterator[str]:
        """Candidates that hold a piece each; the reason for the end is in the last."""
        whole = self.whole(asked, answer, called)
        candidate = whole["candidates"][0]
        for part in candidate["content"]["parts"]:
            if "text" in part:
                for piece in pieces(part["text"]):
                    yield event(_content(asked, [{**part, "text": piece}], None))
            else:
                yield event(_content(asked, [part], None))
        yield event(_content(asked, [{"text": ""}], candidate["finishReason"]))

    def failure(self, why: Why) -> tuple[int, dict[str, Any]]:
        """As Google's reference has them."""
        status, kind, words = _FAILURES[why]
        return status, {"error": {"code": status, "message": words, "status": kind}}


def _schema(declared: dict[str, Any]) -> dict[str, Any]:
    """What a tool takes; the names of types may be in capitals."""
    schema: dict[str, Any] = declared.get("parametersJsonSchema") or declared.get("parameters") or {}
    properties = {
        name: {**each, "type": str(each.get("type", "")).lower()}
        for name, each in (schema.get("properties") or {}).items()
    }
    return {**schema, "properties": properties}


def _content(asked: Asked, parts: list[dict[str, Any]], finish: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "modelVersion": asked.model,
        "responseId": f"r{len(asked.turns)}-{asked.results}",
        "usageMetadata": {
            "promptTokenCount": INPUT_TOKENS,
            "cachedContentTokenCount": CACHED_TOKENS,
            "candidatesTokenCount": OUTPUT_TOKENS,
            "totalTokenCount": INPUT_TOKENS + OUTPUT_TOKENS,
        },
    }
