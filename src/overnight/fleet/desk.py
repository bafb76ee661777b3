"""An outpost that works in a thread of its own and is asked how far it is: a Ray actor, but for Ray."""

from __future__ import annotations

import contextlib
import threading
import time

from overnight.errors import OvernightError, Trouble
from overnight.fleet.machine import machine_name
from overnight.fleet.orders import Answer, Charter, Hello, Order
from overnight.fleet.outpost import Outpost, cache_folder, greet, opened
from overnight.repo.bundle import Parcel

_FORGOTTEN_SECONDS = 300.0
"""Where nobody has asked for so long, the session must be gone: what is under way is ended."""
_MOST_AT_ONCE = 2**20


class Desk:
    """Takes one order at a time."""

    def __init__(self) -> None:
        self._charter: Charter | None = None
        self._held = contextlib.ExitStack()
        self._outpost: Outpost | None = None
        self._order: Order | None = None
        self._answer: Answer | None = None
        self._thread: threading.Thread | None = None
        self._stop = False
        self._asked_at = time.monotonic()

    def hello(self, charter: Charter) -> Hello:
        """Learn of the session that this is for, and say who is here."""
        self._charter = charter
        return greet(charter, cache_folder())

    def start(self, order: Order, *parcels: Parcel) -> None:
        """Begin with an order; none is under way."""
        self._answer, self._order, self._stop, self._asked_at = None, order, False, time.monotonic()
        self._thread = threading.Thread(target=self._work, args=(order, parcels), name="overnight", daemon=True)
        self._thread.start()

    def look(self, offset: int, patience: float) -> tuple[bytes, Answer | None]:
        """What was printed beyond `offset` so far, or the answer; waits for that a little."""
        assert self._thread is not None, "nothing was started"
        self._asked_at = time.monotonic()
        self._thread.join(patience)
        if self._answer is not None:
            return b"", self._answer
        printed = b""
        if self._outpost is not None and self._order is not None:
            with contextlib.suppress(OSError), self._outpost.log(self._order).open("rb") as file:
                file.seek(offset)
                printed = file.read(_MOST_AT_ONCE)
        return printed, None

    def stop(self, patience: float) -> bool:
        """End what is under way; whether it has ended within `patience` seconds."""
        self._stop = True
        if self._thread is not None:
            self._thread.join(patience)
        return self._thread is None or not self._thread.is_alive()

    def close(self, patience: float) -> None:
        """End what is under way, and give back the folder."""
        if self.stop(patience):
            self._held.close()

    def _work(self, order: Order, parcels: tuple[Parcel, ...]) -> None:
        try:
            if self._outpost is None:
                assert self._charter is not None, "hello comes first"
                self._outpost = self._held.enter_context(opened(self._charter, cache_folder()))
            self._answer = self._outpost.do(order, parcels, self._should_stop)
        except OvernightError as error:
            self._answer = Answer(problem=str(error), is_mistake=not isinstance(error, Trouble))
        except BaseException as error:  # The thread ends; whoever asks must get an answer all the same.
            self._answer = Answer(problem=f"on {machine_name()}, {type(error).__name__}: {error}")

    def _should_stop(self) -> bool:
        return self._stop or time.monotonic() - self._asked_at > _FORGOTTEN_SECONDS
