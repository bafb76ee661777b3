"""The dashboard as an application: a folder and a token in, answers out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from overnight.dashboard.chart import Chart
from overnight.dashboard.experiment import details, output
from overnight.dashboard.feed import Feed, Place
from overnight.dashboard.guard import Guard
from overnight.dashboard.poller import Poller, as_json
from overnight.dashboard.rows import page_of
from overnight.dashboard.variant import preview, variant
from overnight.errors import OvernightError, SessionError
from overnight.ledger.browsing import Browsing, Filter
from overnight.ledger.history import History, choose_session
from overnight.ledger.records import Act
from overnight.loop import inbox
from overnight.loop.reading import open_source
from overnight.loop.state import State
from overnight.loop.steering import ask

_STATIC = Path(__file__).with_name("static")
Number = Annotated[int, Field(ge=0, le=inbox.LARGEST_NUMBER)]


class Wish(BaseModel):
    """What a page asks of the session."""

    model_config = ConfigDict(extra="forbid")

    act: Act
    number: Number | None = None
    text: str = Field(default="", max_length=inbox.LONGEST_TEXT)


def create_app(state: State, token: str, session: str | None = None) -> tuple[ASGIApp, Feed]:
    """The application that shows a session (None: the newest) to whoever knows the token, and what feeds its pages."""
    feed = Feed(state, session)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with feed.looking():
            yield

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    _add_errors(app)
    _add_reading(app, state, session)
    _add_writing(app, state, session)

    @app.get("/api/events")
    async def _events(request: Request, after: str | None = None) -> Response:
        place = Place.read(request.headers.get("last-event-id") or after)
        return StreamingResponse(feed.events(place), media_type="text/event-stream")

    app.mount("/", StaticFiles(directory=_STATIC, html=True))
    return Guard(app, token), feed


def _add_reading(app: FastAPI, state: State, session: str | None) -> None:
    chart = Chart()

    @app.get("/api/state")
    def _state() -> Response:
        """How things stand."""
        facts = Poller(state, session).poll().facts
        return _json({name: fact.value for name, fact in facts.items()})

    @app.get("/api/experiments")
    def _experiments(
        before: Number | None = None,
        after: Number | None = None,
        only: Filter = "all",
        words: Annotated[str, Query(max_length=200)] = "",
    ) -> Response:
        """A page of the table."""
        with _opened(state, session) as (_, browsing):
            return _json(page_of(browsing, before=before, after=after, only=only, words=words.strip()))

    @app.get("/api/chart")
    def _chart(
        first: Number = 0, last: Number | None = None, columns: Annotated[int, Query(ge=50, le=4000)] = 1000
    ) -> Response:
        """The chart's points."""
        with _opened(state, session) as (history, _):
            return _json(chart.drawn(history, first=first, last=last, columns=columns))

    @app.get("/api/experiments/{number}")
    def _experiment(number: Number) -> Response:
        """One experiment, with everything about it."""
        with _opened(state, session) as (history, _):
            return _json(details(history, state, number))

    @app.get("/api/variants/{number}")
    def _variant(number: Number) -> Response:
        """The live variant that waits for approval."""
        with _opened(state, session) as (history, _):
            return _json(variant(history, state, number))

    @app.get("/preview/{number}/{place}")
    def _preview(number: Number, place: Number) -> Response:
        """A page of it, to be shown in a frame."""
        with _opened(state, session) as (history, _):
            return Response(preview(history, state, number, place).encode(), media_type="text/html; charset=utf-8")

    @app.get("/api/experiments/{number}/outputs/{name}")
    def _output(number: Number, name: str, end: Annotated[int | None, Query(ge=0)] = None) -> Response:
        """A piece of what a run or the agent has printed."""
        with _opened(state, session) as (history, _):
            piece = output(history, state, number, name, end)
        if piece is None:
            raise HTTPException(404, "This output is not there any more.")
        return _json({"text": piece.text, "start": piece.start, "size": piece.size})


def _add_writing(app: FastAPI, state: State, session: str | None) -> None:
    @app.post("/api/requests")
    def _request(wish: Wish) -> Response:
        """Leave a request for the session, which takes note of it between two experiments."""
        with _opened(state, session) as (history, _):
            request = inbox.Request(**wish.model_dump(), session=history.session)
            ask(history, state, request)
        return _json({"request": request.request}, 202)


def _add_errors(app: FastAPI) -> None:
    """Every error is one sentence, and none leaves the dashboard."""

    def says(status: int, words: Callable[[Any], str]) -> Callable[[Request, Exception], Response]:
        return lambda _, error: _json({"error": words(error)}, status)

    app.add_exception_handler(SessionError, says(409, str))
    app.add_exception_handler(OvernightError, says(503, str))
    app.add_exception_handler(OSError, says(503, lambda error: f"the system refused it: {error.strerror or error}"))
    app.add_exception_handler(RequestValidationError, says(422, _mistake))
    app.add_exception_handler(Exception, says(500, lambda error: f"this cannot be shown ({type(error).__name__})"))
    app.add_exception_handler(
        HTTPException,
        lambda _, error: _json({"error": getattr(error, "detail", "")}, getattr(error, "status_code", 500)),
    )


def _mistake(error: RequestValidationError) -> str:
    first = error.errors()[0]
    return f"{first['loc'][-1]}: {first['msg']}" if first["loc"] else first["msg"]


@contextlib.contextmanager
def _opened(state: State, session: str | None) -> Iterator[tuple[History, Browsing]]:
    with open_source(state) as source:
        name = choose_session(source, session, state.home)
        yield History(source, name), Browsing(source, name)


def _json(value: object, status: int = 200) -> Response:
    return Response(as_json(value), status, media_type="application/json")
