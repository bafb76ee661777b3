"""Asks a model: any server that speaks OpenAI's chat completions, or the simulated one. Frozen.

The server is the one of OPENAI_BASE_URL, its key is in OPENAI_API_KEY. Only the standard library is used.
"""

from __future__ import annotations

import json
import os
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from simulated_model import serving

OPENAI = "https://api.openai.com/v1"
LONGEST_WAIT = 60.0
LARGEST_ANSWER = 1_000_000
FOR_A_WHILE = {408, 409, 425, 429, 500, 502, 503, 504, 529}
"""HTTP statuses after which asking again may help."""

Messages = list[dict[str, str]]


class NoAnswerError(Exception):
    """Why the model gave no answer, in one sentence."""


class BusyError(NoAnswerError):
    """One that may be over in a while."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class Settings:
    """settings.toml."""

    model: str
    times: int
    at_once: int
    timeout_seconds: float
    tries: int

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Raises NoAnswerError where nothing can be asked like that."""
        try:
            settings = cls(**tomllib.loads(path.read_text(encoding="utf-8")))
            usable = (
                settings.model and min(settings.times, settings.at_once, settings.timeout_seconds, settings.tries) > 0
            )
        except (OSError, ValueError, TypeError) as error:
            raise NoAnswerError(f"{path.name} cannot be used: {error}") from None
        if not usable:
            raise NoAnswerError(f"{path.name} must name a model, and all its numbers must be more than 0")
        return settings


@dataclass(frozen=True)
class Server:
    """Where the model is, and how it is asked."""

    url: str
    key: str
    settings: Settings
    pause: Callable[[float], None] = time.sleep

    def ask_all(self, requests: Sequence[tuple[Messages, float, int]]) -> list[str]:
        """The answer to each request (messages, temperature, seed); the first failure ends it all."""
        given_up = threading.Event()

        def ask(request: tuple[Messages, float, int]) -> str:
            try:
                return "" if given_up.is_set() else self.ask(*request)
            except NoAnswerError:
                given_up.set()
                raise

        with ThreadPoolExecutor(self.settings.at_once) as pool:
            return list(pool.map(ask, requests))

    def ask(self, messages: Messages, temperature: float, seed: int) -> str:
        """The model's answer, after as many tries as there may be. Raises NoAnswerError."""
        for tried in range(1, self.settings.tries + 1):
            try:
                return self._ask_once(messages, temperature, seed)
            except BusyError as error:
                if tried == self.settings.tries:
                    raise NoAnswerError(f"{error}, {tried} times in a row") from None
                self.pause(min(LONGEST_WAIT, 2.0**tried if error.wait is None else error.wait))
        raise NoAnswerError("it was not asked at all")

    def _ask_once(self, messages: Messages, temperature: float, seed: int) -> str:
        body = {"model": self.settings.model, "messages": messages, "temperature": temperature, "seed": seed}
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        request = urllib.request.Request(f"{self.url}/chat/completions", json.dumps(body).encode(), headers)
        try:
            with self._opener().open(request, timeout=self.settings.timeout_seconds) as response:
                return _answer(response.read(LARGEST_ANSWER))
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except TimeoutError:
            seconds = self.settings.timeout_seconds
            raise BusyError(f"the model did not answer within {seconds:g} s") from None
        except (OSError, ValueError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise BusyError(f"the server at {self.url} cannot be reached ({reason})") from None

    def _opener(self) -> urllib.request.OpenerDirector:
        own = self.settings.model == "simulated"
        return urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if own else []))


@contextmanager
def server(settings: Settings) -> Iterator[Server]:
    """The server that the settings and the environment name; the simulated one is started for as long as it takes."""
    if settings.model == "simulated":
        with serving() as url:
            yield Server(url, "", settings)
    else:
        url = os.environ.get("OPENAI_BASE_URL", "").strip().rstrip("/") or OPENAI
        yield Server(url, os.environ.get("OPENAI_API_KEY", "").strip(), settings)


def _answer(body: bytes) -> str:
    """The text in a server's answer; "" where the model had nothing to say."""
    try:
        message = json.loads(body)["choices"][0]["message"]
        return str(message.get("content") or "")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise BusyError("the server's answer is no chat completion") from None


def _refusal(error: urllib.error.HTTPError) -> NoAnswerError:
    try:
        said: Any = json.loads(error.read(LARGEST_ANSWER))["error"]
        words, code = str(said["message"]), str(said.get("code"))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OSError):
        words, code = str(error.reason), ""
    reason = f"the server says {error.code}: {' '.join(words.split())[:200].rstrip('.')}"
    if error.code not in FOR_A_WHILE or code == "insufficient_quota":
        return NoAnswerError(reason)
    wait = error.headers.get("retry-after", "")
    return BusyError(reason, float(wait) if wait.isdecimal() else None)
