"""What goes along with a session without being part of it: it hears of every event, works in a thread of its own, and
whatever goes wrong with it costs the night nothing but a note."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import Protocol
from urllib.parse import urlsplit

from overnight.errors import OvernightError
from overnight.loop.events import Notice, SessionEvent

LAST_SECONDS = 15.0
"""How long a session that has ended waits for its companions."""
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))", re.ASCII)


class Companion(Protocol):
    """Who goes along with a session."""

    def follow(self, event: SessionEvent) -> None:
        """Take note of what happened; returns at once."""
        ...

    def notices(self) -> list[str]:
        """What a person should know of since the last time this was asked."""
        ...

    def close(self, until: float) -> None:
        """The session has ended: come to an end too, by this time of the monotonic clock."""
        ...


class BackgroundCompanion(ABC):
    """Works through what it is given, in a thread of its own that nobody has to wait for."""

    def __init__(self, name: str) -> None:
        self._work: SimpleQueue[SessionEvent | None] = SimpleQueue()
        self._notices: SimpleQueue[str] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._has_failed = False

    def give(self, event: SessionEvent) -> None:
        """Have an event handled, after those that were given before."""
        self._work.put(event)
        if not self._thread.is_alive():
            try:
                self._thread.start()
            except RuntimeError as error:  # The machine has no thread left to give; the next event tries again.
                self._fail(error)

    def notices(self) -> list[str]:
        """See `Companion`."""
        found = []
        with contextlib.suppress(Empty):
            while True:
                found.append(self._notices.get_nowait())
        return found

    def close(self, until: float) -> None:
        """See `Companion`. What is not done by then is left undone: the thread ends with the process."""
        if self._thread.is_alive():
            self._work.put(None)
            self._thread.join(max(until - time.monotonic(), 0.0))

    def say(self, words: str) -> None:
        """Have a person told."""
        self._notices.put(words)

    @abstractmethod
    def handle(self, event: SessionEvent) -> None:
        """Do what an event asks for; in the thread."""

    def wait_is_over(self) -> None:  # noqa: B027 - who never waits has nothing to do
        """Nothing has happened for as long as `patience` said; in the thread."""

    def patience(self) -> float | None:
        """Seconds after which `wait_is_over` is to be called; None: never."""
        return None

    def _run(self) -> None:
        while True:
            try:
                event = self._work.get(timeout=self.patience())
            except Empty:
                self._try(self.wait_is_over)
                continue
            if event is None:
                return
            self._try(self.handle, event)

    def _try(self, work: Callable[..., None], *arguments: SessionEvent) -> None:
        try:
            work(*arguments)
        except BaseException as error:  # A library may even want to exit: it must not be the night's business.
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """Have a person told, once."""
        if not self._has_failed:
            why = str(error) if isinstance(error, OvernightError) else type(error).__name__
            self.say(f"{self._thread.name} failed ({why}); the session goes on, and this is not said again")
        self._has_failed = True


def accompanied(events: Generator[SessionEvent], companions: Sequence[Companion]) -> Generator[SessionEvent]:
    """A session's events, which the companions hear of too, and what these have to say in between."""
    failure: OvernightError | None = None
    with contextlib.closing(events):
        try:
            for event in events:
                for companion in companions:
                    companion.follow(event)
                yield event
                yield from _notices(companions)
        except OvernightError as error:
            failure = error
        finally:
            until = time.monotonic() + LAST_SECONDS
            for companion in companions:
                companion.close(until)
    yield from _notices(companions)
    if failure is not None:
        raise failure


def _notices(companions: Sequence[Companion]) -> Iterator[Notice]:
    for companion in companions:
        yield from map(Notice, companion.notices())


def unset_variables(url: str) -> list[str]:
    """The variables that a URL names and the environment lacks."""
    return [name for found in _VARIABLE.finditer(url) if (name := found[1] or found[2]) not in os.environ]


def has_literal_password(url: str) -> bool:
    """Whether a URL from goal.md holds a password itself, and not a variable's name."""
    with contextlib.suppress(ValueError):
        password = urlsplit(url).password
        return bool(password) and "$" not in (password or "")
    return False


LITERAL_PASSWORD = (
    "holds a password or token, which whoever reads goal.md sees too, the agent among them; put it into a variable of "
    "the environment and write its name: `$NAME`"
)
