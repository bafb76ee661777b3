"""Several experiments on their way at once: what has to wait does so beside the loop, all else happens in its thread.

A course is a generator. Where it has to wait for a run or an answer, it yields `Work`, which is done in its worker's
thread, and gets the result back; between two such waits nothing else happens. So the ledger, the judge and the branch
see one thing at a time, and nothing in the loop needs a lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeAlias, TypeVar

from overnight.fleet.slot import Slot
from overnight.loop.events import GuardsStarted, RunStarted, SessionEvent
from overnight.propose.proposer import Proposer

_Means = TypeVar("_Means")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Work(Generic[_Means]):
    """What a course waits for: done with what its worker has (a slot, or a proposer), in the worker's own thread."""

    do: Callable[[_Means], Any]


InSlot: TypeAlias = Generator[SessionEvent | Work[Slot], Any, _T]
"""A course in a slot, which comes to a `_T` at its end."""
Thinking: TypeAlias = Generator[SessionEvent | Work[Proposer], Any, _T]
"""The same with a proposer."""


class Worker(Generic[_Means]):
    """A thread and what it works with. What is started from the thread may end with it (bubblewrap does)."""

    def __init__(self, number: int, means: _Means) -> None:
        """`number` is its place among its kind."""
        self.number = number
        self.means = means
        self.is_busy = False
        self._thread = ThreadPoolExecutor(1)

    def begin(self, work: Work[_Means]) -> Future[Any]:
        """Do it beside the loop."""
        return self._thread.submit(work.do, self.means)

    def end(self) -> None:
        """Wait for what is under way; nothing more can be begun."""
        self._thread.shutdown(cancel_futures=True)


class Crew:
    """Takes courses on, one for each worker at a time, and tells what happens in them."""

    def __init__(self) -> None:
        self._waiting: dict[Future[Any], tuple[Worker[Any], Generator[SessionEvent | Work[Any], Any, None]]] = {}

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._waiting

    def begin(
        self, worker: Worker[_Means], course: Generator[SessionEvent | Work[_Means], Any, None]
    ) -> Iterator[SessionEvent]:
        """Let a worker that is free take on a course. Raises what the course does."""
        worker.is_busy = True
        yield from self._advance(worker, course, lambda: next(course))

    def go_on(self, seconds: float) -> Iterator[SessionEvent]:
        """Wait until some of what is under way is done, but not longer, and let its course go on.

        Raises what that course does; the others are then still under way.
        """
        if self.is_idle:
            time.sleep(seconds)
            return
        done, _ = wait(self._waiting, timeout=seconds, return_when=FIRST_COMPLETED)
        for future in [future for future in self._waiting if future in done]:  # In the order in which they were begun.
            worker, course = self._waiting.pop(future)
            failure = future.exception()
            if failure is not None:
                yield from self._advance(worker, course, lambda: course.throw(failure))  # noqa: B023 - used at once
            else:
                yield from self._advance(worker, course, lambda: course.send(future.result()))  # noqa: B023

    def all_of(
        self, workers: Iterable[Worker[_Means]], courses: Iterable[Generator[SessionEvent | Work[_Means], Any, None]]
    ) -> Iterator[SessionEvent]:
        """Do these and nothing else, as many at a time as there are workers."""
        team, waiting = list(workers), list(courses)
        while waiting or not self.is_idle:
            for worker in team:
                if waiting and not worker.is_busy:
                    yield from self.begin(worker, waiting.pop(0))
            if not self.is_idle:
                yield from self.go_on(_LONG)

    def close(self) -> None:
        """Give up what is under way. Whoever has been told to stop is waited for by `Worker.end`."""
        for _, course in self._waiting.values():
            course.close()
        self._waiting.clear()

    def _advance(
        self,
        worker: Worker[_Means],
        course: Generator[SessionEvent | Work[_Means], Any, None],
        step: Callable[[], SessionEvent | Work[_Means]],
    ) -> Iterator[SessionEvent]:
        """Tell what happens until the course has to wait, or is at its end."""
        while True:
            try:
                told = step()
            except StopIteration:
                worker.is_busy = False
                return
            except BaseException:
                worker.is_busy = False
                raise
            if isinstance(told, Work):
                self._waiting[worker.begin(told)] = (worker, course)
                return
            yield replace(told, slot=worker.number) if isinstance(told, RunStarted | GuardsStarted) else told
            step = lambda: next(course)  # noqa: E731


_LONG = 3600.0
