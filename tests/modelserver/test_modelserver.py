"""The stand-in for a model: what it plays, in every language, whole and as a stream."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.modelserver.script import OUTPUT_TOKENS, Asked, EditFile, Fail, ReadFile, Refuse, Say, Step, Think
from tests.modelserver.server import ModelServer, serving

_EDITOR = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "old_str": {"type": "string"}, "new_str": {"type": "string"}},
    "required": ["path", "old_str", "new_str"],
}
_READER = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
_BRIEF = "# Experiment 2\n\nMake it better."
STEPS: list[Step] = [
    Think("Hm."),
    ReadFile("train.py"),
    EditFile("train.py", "LR = 0.1", "LR = 0.2"),
    Say("hypothesis: faster"),
]


def _tools(wrap: str) -> list[dict[str, Any]]:
    both = [("read", _READER), ("edit", _EDITOR)]
    if wrap == "chat":
        return [{"type": "function", "function": {"name": name, "parameters": schema}} for name, schema in both]
    if wrap == "responses":
        return [{"type": "function", "name": name, "parameters": schema} for name, schema in both]
    if wrap == "anthropic":
        return [{"name": name, "input_schema": schema} for name, schema in both]
    return [{"functionDeclarations": [{"name": name, "parameters": schema} for name, schema in both]}]


def _body(api: str, results: int, *, stream: bool) -> tuple[str, dict[str, Any]]:
    """The address and the request in which so many tools have answered."""
    body: dict[str, Any] = {"model": "some", "tools": _tools(api), "stream": stream}
    if api == "chat":
        said = [{"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "LR = 0.1"}] * results
        return "/v1/chat/completions", {**body, "messages": [{"role": "user", "content": _BRIEF}, *said]}
    if api == "responses":
        said = [{"type": "function_call"}, {"type": "function_call_output", "output": "LR = 0.1"}] * results
        return "/v1/responses", {**body, "input": [{"role": "user", "content": _BRIEF}, *said]}
    if api == "anthropic":
        said = [
            {"role": "assistant", "content": []},
            {"role": "user", "content": [{"type": "tool_result", "content": "LR = 0.1"}]},
        ] * results
        return "/v1/messages", {**body, "messages": [{"role": "user", "content": _BRIEF}, *said]}
    said = [
        {"role": "model", "parts": []},
        {"role": "user", "parts": [{"functionResponse": {"response": {"output": "LR = 0.1"}}}]},
    ] * results
    contents = [{"role": "user", "parts": [{"text": _BRIEF}]}, *said]
    method = "streamGenerateContent?alt=sse" if stream else "generateContent"
    return f"/v1beta/models/some:{method}", {"tools": body["tools"], "contents": contents}


def ask(server: ModelServer, path: str, body: dict[str, Any]) -> tuple[int, str]:
    """The status and the text of an answer."""
    headers = {"content-type": "application/json", "authorization": "Bearer sk-secret"}
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


APIS = ["chat", "responses", "anthropic", "gemini"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("api", APIS)
def test_a_conversation_is_played_step_by_step(api: str, stream: bool) -> None:
    with serving(STEPS) as server:
        answers = [ask(server, *_body(api, results, stream=stream)) for results in (0, 1, 2)]
        again = ask(server, *_body(api, 1, stream=stream))
    assert [status for status, _ in answers] == [200, 200, 200]
    assert again == answers[1], "a repeated request gets the same answer"
    assert '"read"' in answers[0][1]
    assert '"edit"' in answers[1][1]
    assert "hypothesis: faster" in answers[2][1]
    assert str(OUTPUT_TOKENS) in answers[2][1]
    assert [each.results for each in server.asked] == [0, 1, 2, 1]
    assert {each.experiment for each in server.asked} == {2}
    assert {each.key for each in server.received} == {"sk-secret"}


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(("why", "status"), [("model", 404), ("limit", 429), ("broken", 500)])
def test_what_is_wrong_is_said_as_the_provider_says_it(api: str, why: Any, status: int) -> None:
    with serving([Fail(why, retry_after=7)]) as server:
        assert ask(server, *_body(api, 0, stream=True))[0] == status


@pytest.mark.parametrize("api", APIS)
def test_a_refusal_has_a_form_of_its_own(api: str) -> None:
    with serving([Refuse()]) as server:
        _, text = ask(server, *_body(api, 0, stream=False))
    assert "refus" in text or "SAFETY" in text


def test_the_script_may_depend_on_what_is_asked() -> None:
    def script(asked: Asked) -> list[Step]:
        return [Say(f"about experiment {asked.experiment}")]

    with serving(script) as server:
        assert "about experiment 2" in ask(server, *_body("chat", 0, stream=False))[1]


def test_a_new_turn_begins_the_script_anew() -> None:
    path, body = _body("anthropic", 2, stream=False)
    body["messages"] += [{"role": "assistant", "content": "done"}, {"role": "user", "content": "# Experiment 3"}]
    with serving(STEPS) as server:
        assert '"read"' in ask(server, path, body)[1]
    assert server.asked[0].experiment == 3
    assert len(server.asked[0].turns) == 2
