"""The dashboard over real HTTP, and in a real browser."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from overnight.dashboard.serve import Dashboard
from overnight.loop.state import State
from tests.night import Night


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Speaks HTTP with the server, header by header."""

    url: str

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def token(self) -> str:
        return urlsplit(self.url).path.strip("/")

    def ask(
        self, path: str, method: str = "GET", *, body: bytes | None = None, raw: bool = False, **headers: str
    ) -> Answer:
        """One request; `path` is below the token, unless `raw`."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with contextlib.closing(connection):
            connection.request(method, path if raw else f"/{self.token}/{path}", body=body, headers=named)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def get(self, path: str) -> Any:
        """JSON that must be had."""
        answer = self.ask(path)
        assert answer.status == 200, answer.body
        return answer.json

    def wish(self, act: str, number: int | None = None, text: str = "") -> Answer:
        """What a button does."""
        body = json.dumps({"act": act, "number": number, "text": text}).encode()
        return self.ask(
            "api/requests", "POST", body=body, Content_Type="application/json", Origin=f"http://{self.host}"
        )


@contextlib.contextmanager
def served(folder: Path, session: str | None = None) -> Iterator[Client]:
    """A dashboard for that folder."""
    dashboard = Dashboard(State.of(folder), session, port=0)
    dashboard.start()
    yield Client(dashboard.url)
    dashboard.stop()


@pytest.fixture
def state(tmp_path: Path) -> State:
    """The state of a project in which nothing was run."""
    made = State.of(tmp_path)
    made.create()
    return made


@pytest.fixture
def told(state: State) -> Iterator[Night]:
    """A session's ledger, where the dashboard looks for it."""
    night = Night.begin(state.folder / "ledger.db")
    yield night
    night.ledger.close()


@pytest.fixture
def client(state: State) -> Iterator[Client]:
    """The dashboard of that project."""
    with served(state.folder.parent) as client:
        yield client


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait for something."""
    patience = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < patience, what
        time.sleep(0.05)
