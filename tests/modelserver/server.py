"""The server: it listens on a free port of this machine, plays the script, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

from tests.modelserver.anthropic import Messages
from tests.modelserver.dialect import Dialect
from tests.modelserver.gemini import GenerateContent
from tests.modelserver.openai import Chat, Responses
from tests.modelserver.script import (
    INPUT_TOKENS,
    Answer,
    Asked,
    Fail,
    Flood,
    Hang,
    Respond,
    Script,
    Step,
    play,
)
from tests.modelserver.tools import NoToolError, call_for

_MODELS = ("gpt-5", "claude-sonnet-4-5", "gemini-2.5-pro", "llama3")


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    text: str
    asked: Asked | None = None
    """What it means, if it asks the model for something."""

    @property
    def key(self) -> str:
        """The key that came with it, wherever that provider wants it."""
        return _key(self.headers)


class ModelServer:
    """What the script plays to, and what came."""

    def __init__(self, url: str, script: Script) -> None:
        self.url = url
        self.script = script
        self.received: list[Received] = []
        self.problems: list[str] = []
        """What a script wanted and the tools on offer could not do."""

    @property
    def asked(self) -> list[Asked]:
        """All that the model was asked."""
        return [each.asked for each in self.received if each.asked is not None]

    async def answer(self, request: Request, dialect: Dialect, **address: Any) -> Response:
        """Play the next step."""
        text = (await request.body()).decode("utf-8", errors="replace")
        asked = dialect.read({**json.loads(text), **address}, _key(request.headers))
        self.received.append(Received(request.method, request.url.path, dict(request.headers), text, asked))
        played = play(self.script, asked)
        match played:
            case Fail():
                status, body = dialect.failure(played.why)
                return JSONResponse(body, status, _waiting(played.retry_after))
            case Respond():
                return Response(played.body, played.status, played.headers, "application/json")
            case Hang():
                await asyncio.sleep(3600)
                return Response()
            case Flood():
                played = Answer(text="All work and no play makes a model dull. " * (played.megabytes * 25_000))
        try:
            called = call_for(played.tool, asked) if played.tool else None
        except NoToolError as problem:
            self.problems.append(f"{played.tool} with none of: {problem}")
            return JSONResponse({"error": {"message": f"the script cannot be played: {problem}"}}, 500)
        if not asked.stream:
            return JSONResponse(dialect.whole(asked, played, called))
        return StreamingResponse(_in_turns(dialect.events(asked, played, called)), media_type="text/event-stream")

    async def other(self, request: Request) -> None:
        """Remember a request that is not for the model itself."""
        text = (await request.body()).decode("utf-8", errors="replace")
        self.received.append(Received(request.method, request.url.path, dict(request.headers), text))


async def _in_turns(events: Iterator[str]) -> AsyncIterator[str]:
    for each in events:
        yield each
        await asyncio.sleep(0)


def _key(headers: Any) -> str:
    bearer = str(headers.get("authorization") or "").removeprefix("Bearer ")
    return str(headers.get("x-api-key") or headers.get("x-goog-api-key") or bearer)


def _waiting(seconds: int | None) -> dict[str, str]:
    return {} if seconds is None else {"retry-after": str(seconds)}


def _app(model: ModelServer) -> FastAPI:
    app = FastAPI()
    chat, responses, messages, gemini = Chat(), Responses(), Messages(), GenerateContent()

    @app.post("/v1/chat/completions")
    @app.post("/api/v1/chat/completions")
    async def _chat(request: Request) -> Response:
        return await model.answer(request, chat)

    @app.post("/v1/responses")
    async def _responses(request: Request) -> Response:
        return await model.answer(request, responses)

    @app.get("/v1/responses")
    async def _no_websocket(request: Request) -> Response:
        await model.other(request)
        return JSONResponse({"error": {"message": "no WebSockets here; use HTTP"}}, 426)

    @app.post("/v1/messages")
    async def _messages(request: Request) -> Response:
        return await model.answer(request, messages)

    @app.post("/{version}/models/{name}:generateContent")
    async def _generate(request: Request, name: str) -> Response:
        return await model.answer(request, gemini, model=name, stream=False)

    @app.post("/{version}/models/{name}:streamGenerateContent")
    async def _stream(request: Request, name: str) -> Response:
        return await model.answer(request, gemini, model=name, stream=True)

    @app.post("/{version}/models/{name}:countTokens")
    async def _count_gemini(request: Request) -> Response:
        await model.other(request)
        return JSONResponse({"totalTokens": INPUT_TOKENS})

    @app.post("/v1/messages/count_tokens")
    async def _count_anthropic(request: Request) -> Response:
        await model.other(request)
        return JSONResponse({"input_tokens": INPUT_TOKENS})

    @app.get("/v1/models")
    async def _models(request: Request) -> Response:
        await model.other(request)
        return JSONResponse({"object": "list", "data": [{"id": name, "object": "model"} for name in _MODELS]})

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "HEAD"])
    async def _rest(request: Request) -> Response:
        await model.other(request)
        return JSONResponse({"error": {"message": "there is nothing here"}}, 404)

    return app


@contextmanager
def serving(script: Script | Sequence[Step]) -> Iterator[ModelServer]:
    """A running server that plays the script: a function of what is asked, or the same steps each time."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        model = ModelServer(
            f"http://127.0.0.1:{listening.getsockname()[1]}", script if callable(script) else lambda _asked: script
        )
        settings = uvicorn.Config(_app(model), log_level="error", ws="none", timeout_graceful_shutdown=1)
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield model
        finally:
            server.should_exit = True
            thread.join(10)
