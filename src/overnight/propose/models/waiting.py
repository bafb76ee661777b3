"""Waiting for something asynchronous that may never end, from code that is not."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from overnight.errors import Interrupted

_GLANCE = 0.05
_GOODBYE = 1.0
"""Seconds that a connection gets to be closed properly."""

Result = TypeVar("Result")


def wait_for(
    doing: Callable[[], Coroutine[Any, Any, Result]], *, limit: float, should_stop: Callable[[], bool]
) -> Result:
    """Its result. Raises TimeoutError after `limit` seconds and Interrupted when asked to stop, in any case soon.

    It runs in a thread of its own: who calls may have an event loop already (a notebook has), and not everything a
    library does can be cancelled, such as looking up a name.
    """
    loop = asyncio.new_event_loop()
    task = loop.create_task(doing())
    done: Future[Result] = Future()

    def work() -> None:
        try:
            done.set_result(loop.run_until_complete(task))
        except BaseException as error:  # whatever it is, the one who waits is to see it
            done.set_exception(error)
        finally:
            _end(loop)

    threading.Thread(target=work, name="overnight-model", daemon=True).start()
    try:
        return result_of(done, limit=limit, should_stop=should_stop)
    finally:
        if not done.done():
            loop.call_soon_threadsafe(task.cancel)
            wait([done], timeout=_GOODBYE)


def result_of(done: Future[Result], *, limit: float, should_stop: Callable[[], bool]) -> Result:
    """What comes of it. Raises TimeoutError after `limit` seconds and Interrupted when asked to stop, soon after."""
    deadline = time.monotonic() + limit
    while not wait([done], timeout=_GLANCE).done:
        if should_stop():
            raise Interrupted
        if time.monotonic() > deadline:
            raise TimeoutError
    return done.result()


def _end(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop with all that is still under way in it."""
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task.cancel()

    async def ended() -> None:
        await asyncio.gather(*pending, return_exceptions=True)

    loop.run_until_complete(ended())
    loop.close()
