"""What every open page is told as it happens: server-sent events, from one look for all of them.

`session` says which session is shown, and that the page has to fetch table and chart; `summary`, `now`, `wishes`,
`approval` and `fault` are how things stand, each whole and only when it has changed; `verdicts` are those that are new
or changed. Each verdicts event has an id, `SESSION/EVENT`: who comes back with it misses none.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from overnight.dashboard.poller import Poller, as_json
from overnight.dashboard.rows import row_of
from overnight.ledger.asking import Event
from overnight.ledger.browsing import Browsing
from overnight.loop.reading import open_source
from overnight.loop.state import State

PERIOD_SECONDS = 0.5
_SHARE = 10
"""A look may take a tenth of the time at most: the machine is there for the session."""
BEAT_SECONDS = 10.0
_BATCH = 100
MOST_MISSED = 500
"""Who has missed more verdicts than that fetches a page instead."""
_FACTS = ("summary", "wishes", "approval", "now", "fault")


@dataclass(frozen=True)
class Place:
    """Up to where a page knows the story."""

    session: str
    event: int

    def __str__(self) -> str:
        return f"{self.session}/{self.event}"

    @classmethod
    def read(cls, text: str | None) -> Place | None:
        """The place that an event's id names; None where it names none."""
        session, slash, event = (text or "").rpartition("/")
        return cls(session, int(event)) if slash and event.isdecimal() and len(event) < 19 else None


class Feed:
    """One thread that looks, and any number of pages that are told."""

    def __init__(self, state: State, session: str | None) -> None:
        self._state = state
        self._poller = Poller(state, session)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dashboard")
        self._pages = 0
        self._wanted = asyncio.Event()
        self._news = asyncio.Event()
        self._closed = False

    @contextlib.asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Look as long as the server runs, while anybody watches."""
        task = asyncio.create_task(self._look_again_and_again())
        try:
            yield
        finally:
            self.close()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self._thread.shutdown(wait=False)

    def close(self) -> None:
        """Let every page go. To be called in the server's own thread."""
        self._closed = True
        self._tell()

    async def events(self, place: Place | None) -> AsyncIterator[bytes]:
        """What one page is told, from the place on that it knows already."""
        self._pages += 1
        self._wanted.set()
        known: dict[str, int] = {}
        shown: str | None = ""  # No session has this name: the first thing said is which one it is.
        try:
            while not self._closed:
                news = self._news
                seen = self._poller.seen
                if seen.facts:
                    if seen.session != shown:
                        if place is None or place.session != seen.session:
                            place = Place(seen.session, seen.newest) if seen.session else None
                            yield _message("session", {"session": seen.session}, place)
                        shown = seen.session
                    for name in _FACTS:
                        fact = seen.facts.get(name)
                        if fact is not None and known.get(name) != fact.version:
                            known[name] = fact.version
                            yield _message(name, fact.value)
                    if place is not None and place.event < seen.newest:
                        messages, place = await self._verdicts(place, seen.newest)
                        for message in messages:
                            yield message
                try:
                    await asyncio.wait_for(news.wait(), BEAT_SECONDS)
                except TimeoutError:
                    yield b"event: beat\ndata: {}\n\n"
        finally:
            self._pages -= 1
            if not self._pages:
                self._wanted.clear()

    async def _verdicts(self, place: Place, newest: int) -> tuple[list[bytes], Place]:
        """What to say of the verdicts after `place`, and the place after that; the same if they cannot be read."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._thread, self._missed, place)
        if found is None:
            return [], place
        after = Place(place.session, max(newest, found[-1].id if found else 0))
        if len(found) > MOST_MISSED:
            return [_message("session", {"session": place.session}, after)], after
        batches = [found[start : start + _BATCH] for start in range(0, len(found), _BATCH)]
        return [
            _message("verdicts", {"rows": [row_of(event) for event in batch]}, Place(place.session, batch[-1].id))
            for batch in batches
        ], after

    def _missed(self, place: Place) -> list[Event] | None:
        try:
            with open_source(self._state) as source:
                return Browsing(source, place.session).verdicts_after(place.event, MOST_MISSED + 1)
        except Exception:  # The next look says what is wrong.
            return None

    async def _look_again_and_again(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._closed:
            await self._wanted.wait()
            began = perf_counter()
            before = _versions(self._poller)
            await loop.run_in_executor(self._thread, self._poller.poll)
            if _versions(self._poller) != before:
                self._tell()
            await asyncio.sleep(max(PERIOD_SECONDS, _SHARE * (perf_counter() - began)))

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _versions(poller: Poller) -> object:
    seen = poller.seen
    return seen.session, seen.newest, {name: fact.version for name, fact in seen.facts.items()}


def _message(name: str, value: dict[str, Any], place: Place | None = None) -> bytes:
    identity = f"id: {place}\n".encode() if place else b""
    return identity + f"event: {name}\ndata: ".encode() + as_json(value) + b"\n\n"
