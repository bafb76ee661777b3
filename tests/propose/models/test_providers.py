"""Every provider over HTTP, on good days and on bad ones, against a server on this machine."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest
from pydantic_ai.models import create_async_httpx2_client

from overnight.errors import Interrupted
from overnight.goal.settings import Settings
from overnight.propose.brief import Brief
from overnight.propose.model import ModelProposer
from overnight.propose.models import failures, providers
from overnight.propose.models.changing import TOOL
from overnight.propose.proposer import Proposal
from tests.modelserver.script import (
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    Call,
    Fail,
    Flood,
    Hang,
    Refuse,
    Respond,
    Say,
    Script,
    Step,
    Think,
)
from tests.modelserver.server import ModelServer, serving

KEY = "sk-overnight-0123456789abcdefghij"
PLACES = {
    "openai:gpt-4o": "/v1",
    "anthropic:claude-sonnet-4-5": "",
    "google:gemini-2.5-pro": "",
    "ollama:llama3": "/v1",
    "openrouter:openai/gpt-4o": "/v1",
}
PRICED = {"openai:gpt-4o", "anthropic:claude-sonnet-4-5", "google:gemini-2.5-pro", "openrouter:openai/gpt-4o"}
FILES = {"train.py": b"LR = 0.1\nB = 2\n"}
BRIEF = Brief(
    number=3, english="Go.", edit=("train.py",), metric="loss", direction="lower", budget_seconds=1, run="x",
    files=FILES, incumbent_number=0, incumbent_metric=1.0, baseline_metric=1.0, noise=0.0,
)  # fmt: skip


def call(search: str = "LR = 0.1") -> Call:
    return Call(
        TOOL, {"hypothesis": "faster", "edits": [{"path": "train.py", "search": search, "replace": "LR = 0.2"}]}
    )


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in ("OPENAI", "ANTHROPIC", "GOOGLE", "OPENROUTER"):
        monkeypatch.setenv(f"{provider}_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def proposer(who: str, base_url: str | None, *, limit: float = 20.0) -> ModelProposer:
    settings = Settings(edit=("train.py",), run="x", metric="loss", base_url=base_url, agent_timeout=limit)
    return ModelProposer(who, settings, should_stop=lambda: False)


def propose(who: str, script: Script | list[Step], *, limit: float = 20.0) -> tuple[Proposal, ModelServer]:
    with serving(script) as server:
        return proposer(who, server.url + PLACES[who], limit=limit).propose(BRIEF), server


@pytest.mark.parametrize("who", PLACES)
def test_a_proposal(who: str) -> None:
    proposal, server = propose(who, [Think("Hm."), call()])
    assert proposal.files == {"train.py": b"LR = 0.2\nB = 2\n"}
    assert (proposal.hypothesis, proposal.failure, proposal.unavailable) == ("faster", None, None)
    used = proposal.usage
    assert (used.input_tokens, used.output_tokens, used.turns) == (INPUT_TOKENS, OUTPUT_TOKENS, 1)
    assert used.model == who.partition(":")[2]
    assert (used.cost is not None and 0 < used.cost < 0.1) == (who in PRICED)
    assert '"search"' in proposal.output
    asked = server.asked[0]
    assert BRIEF.text().strip() in asked.last_turn.replace("\n\n\n", "\n\n")
    assert "SEARCH/REPLACE" in asked.system
    assert [tool.name for tool in asked.tools] == [TOOL]
    assert asked.key == (KEY if who != "ollama:llama3" else "api-key-not-set")


@pytest.mark.parametrize("who", PLACES)
def test_an_edit_that_does_not_match_goes_back_to_the_model(who: str) -> None:
    proposal, server = propose(who, [call("LR = 0.3"), call()])
    assert proposal.files == {"train.py": b"LR = 0.2\nB = 2\n"}
    assert "does not occur in train.py" in server.received[1].text
    assert proposal.usage.turns == 2
    assert proposal.usage.tokens == 2 * (INPUT_TOKENS + OUTPUT_TOKENS)


@pytest.mark.parametrize("who", PLACES)
@pytest.mark.parametrize(
    ("step", "words"),
    [
        (Fail("key"), "its key was refused"),
        (Fail("model"), "there is no such model, or it may not be used"),
        (Fail("overloaded"), "its service is overloaded"),
        (Fail("broken"), "HTTP status 500"),
        (Respond(200, "<html>This is a wireless network. Please log in.</html>"), "could not be asked"),
    ],
)
def test_a_model_that_is_not_to_be_had_is_tried_again_later(who: str, step: Step, words: str) -> None:
    proposal, server = propose(who, [step])
    assert proposal.unavailable is not None
    assert proposal.unavailable.startswith(f"{who} could not be asked: ")
    assert words in proposal.unavailable
    assert not proposal.files
    assert len(server.received) == 1, "asking again is the session's business"


@pytest.mark.parametrize("who", PLACES)
def test_the_provider_says_when_to_come_back(who: str) -> None:
    proposal, _ = propose(who, [Fail("limit", retry_after=7)])
    assert "limit of requests" in (proposal.unavailable or "")
    assert proposal.retry_after == 7


@pytest.mark.parametrize("who", ["openai:gpt-4o", "anthropic:claude-sonnet-4-5", "openrouter:openai/gpt-4o"])
def test_no_credit(who: str) -> None:
    assert "there is no credit left" in (propose(who, [Fail("credit")])[0].unavailable or "")


@pytest.mark.parametrize(
    ("who", "words"),
    [("openai:gpt-4o", "set OPENAI_API_KEY"), ("google:gemini-2.5-pro", "set GOOGLE_API_KEY")],
)
def test_what_to_do_about_a_key(who: str, words: str) -> None:
    assert words in (propose(who, [Fail("key")])[0].unavailable or "")


@pytest.mark.parametrize("who", PLACES)
def test_nobody_there(who: str) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{taken.getsockname()[1]}{PLACES[who]}"
        began = time.monotonic()
        proposal = proposer(who, base_url).propose(BRIEF)
    assert "its service does not answer" in (proposal.unavailable or "")
    assert time.monotonic() - began < 5
    assert proposal.usage.turns is None


@pytest.mark.parametrize("who", PLACES)
@pytest.mark.parametrize(
    ("steps", "failure"),
    [
        ([Refuse()], failures.REFUSED),
        ([Say("")], failures.SILENT),
        ([Call(TOOL, {"hypothesis": 3}), Call(TOOL, {"edits": "all"})], failures.MALFORMED),
        ([call("x"), call("y")], failures.MISMATCH),
        ([Flood(40)], failures.TOO_LARGE),
    ],
)
def test_an_answer_that_is_no_change(who: str, steps: list[Step], failure: str) -> None:
    proposal, _ = propose(who, steps)
    assert proposal.failure == failure
    assert (proposal.files, proposal.unavailable) == ({}, None)


def test_an_answer_that_unpacks_without_end_is_not_unpacked() -> None:
    body = gzip.compress(b" " * 2**30, compresslevel=9)
    with _raw(b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body), body) as base_url:
        assert proposer("openai:gpt-4o", base_url).propose(BRIEF).failure == failures.TOO_LARGE


@pytest.mark.parametrize("who", PLACES)
def test_no_answer_ends_in_time(who: str) -> None:
    began = time.monotonic()
    proposal, _ = propose(who, [Hang()], limit=0.7)
    assert proposal.unavailable == f"{who} did not answer within 0.7 s (`agent_timeout`)"
    assert time.monotonic() - began < 10


def test_an_answer_that_dribbles_ends_in_time_too() -> None:
    with _raw(b"content-length: 100000\r\n\r\n", b"{" + b" " * 99_999, pause=0.1) as base_url:
        began = time.monotonic()
        assert "did not answer within 1 s" in (proposer("openai:x", base_url, limit=1).propose(BRIEF).unavailable or "")
        assert time.monotonic() - began < 5


def test_asked_to_stop_it_stops_at_once() -> None:
    settings = Settings(edit=("train.py",), run="x", metric="loss", agent_timeout=60)
    with serving([Hang()]) as server:
        began = time.monotonic()
        settings = settings.model_copy(update={"base_url": f"{server.url}/v1"})
        asked = ModelProposer("openai:x", settings, should_stop=lambda: bool(server.received))
        with pytest.raises(Interrupted):
            asked.propose(BRIEF)
        assert time.monotonic() - began < 10


def test_a_server_whose_model_has_no_tools_gets_text_and_gives_it() -> None:
    body = json.dumps({"error": {"message": "registry.ollama.ai/library/llama3 does not support tools"}})
    text = "hypothesis: faster\n<<<<<<< SEARCH\nLR = 0.1\n=======\nLR = 0.2\n>>>>>>> REPLACE"
    proposal, server = propose("ollama:llama3", lambda asked: [Respond(400, body) if asked.tools else Say(text)])
    assert proposal.files == {"train.py": b"LR = 0.2\nB = 2\n"}
    assert [bool(asked.tools) for asked in server.asked] == [True, False]


@pytest.mark.parametrize("who", PLACES)
def test_a_review_is_words(who: str) -> None:
    with serving([Say("## Learned\n\nSmaller is better.")]) as server:
        review = proposer(who, server.url + PLACES[who]).review(BRIEF)
    assert review.output == "## Learned\n\nSmaller is better."
    assert (review.files, review.failure, review.unavailable) == ({}, None, None)
    assert review.usage.tokens == INPUT_TOKENS + OUTPUT_TOKENS
    assert "Looking back" in server.asked[0].last_turn
    assert not server.asked[0].tools


def test_a_review_that_cannot_be_had() -> None:
    with serving([Fail("limit", retry_after=9)]) as server:
        review = proposer("openai:x", f"{server.url}/v1").review(BRIEF)
    assert "limit of requests" in (review.unavailable or "")
    assert review.retry_after == 9


def test_what_stays_the_same_is_marked_for_anthropic_and_plain_for_small_servers() -> None:
    _, server = propose("anthropic:claude-sonnet-4-5", [call()])
    first, rest = json.loads(server.received[0].text)["messages"][0]["content"]
    assert (first["text"], rest["text"]) == BRIEF.parts()
    assert first["cache_control"]["type"] == "ephemeral"
    assert "cache_control" not in rest
    _, server = propose("ollama:llama3", [call()])
    assert json.loads(server.received[0].text)["messages"][-1]["content"] == BRIEF.text()


@pytest.mark.parametrize(
    ("who", "path", "api"),
    [
        ("openai:gpt-4o", "/v1/responses", "responses"),
        ("openrouter:openai/gpt-4o", "/api/v1/chat/completions", "chat"),
        ("google:gemini-2.5-pro", "/v1beta/models/gemini-2.5-pro:generateContent", "gemini"),
        ("anthropic:claude-sonnet-4-5", "/v1/messages", "anthropic"),
        ("ollama:llama3", "/v1/chat/completions", "chat"),
    ],
)
def test_each_providers_own_address(who: str, path: str, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts: list[str] = []
    with serving([call("LR = 0.3"), call()]) as server:
        here = httpx2.URL(server.url)

        async def lead_here(request: httpx2.Request) -> None:
            hosts.append(request.url.host)
            request.url = request.url.copy_with(scheme="http", host=here.host, port=here.port)

        def led(**given: httpx2.Timeout) -> httpx2.AsyncClient:
            client = create_async_httpx2_client(**given)
            client.event_hooks = {**client.event_hooks, "request": [*client.event_hooks["request"], lead_here]}
            return client

        monkeypatch.setattr(providers, "create_async_httpx2_client", led)
        proposal = proposer(who, None).propose(BRIEF)
    assert proposal.files == {"train.py": b"LR = 0.2\nB = 2\n"}
    assert [(each.path, each.asked.api) for each in server.received if each.asked] == [(path, api)] * 2
    assert hosts[0] in (
        *("api.openai.com", "openrouter.ai", "generativelanguage.googleapis.com", "api.anthropic.com", "localhost"),
    )


def _take(connection: socket.socket) -> None:
    """Read a whole request."""
    taken = b""
    while b"\r\n\r\n" not in taken:
        taken += connection.recv(2**16)
    head, _, body = taken.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(2**16)


@contextmanager
def _raw(headers: bytes, body: bytes, *, pause: float = 0.0) -> Iterator[str]:
    """A server that answers any request with a body as it is, byte by byte if `pause` is given."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            try:
                connection, _ = listening.accept()
                with connection:
                    _take(connection)
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + headers)
                    for part in [body] if not pause else (body[n : n + 1] for n in range(len(body))):
                        connection.sendall(part)
                        time.sleep(pause)
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
