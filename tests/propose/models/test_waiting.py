"""Waiting ends in time, whatever is waited for."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from overnight.errors import Interrupted
from overnight.propose.models.waiting import wait_for


def test_a_result_and_an_error_come_through() -> None:
    async def sure() -> int:
        await asyncio.sleep(0)
        return 7

    async def broken() -> int:
        raise KeyError("x")

    assert wait_for(sure, limit=5, should_stop=lambda: False) == 7
    with pytest.raises(KeyError):
        wait_for(broken, limit=5, should_stop=lambda: False)


async def _deaf() -> None:
    """Cannot be cancelled, as when a library blocks."""
    await asyncio.sleep(0)
    time.sleep(30)


async def _patient() -> None:
    await asyncio.sleep(30)


@pytest.mark.parametrize("forever", [_deaf, _patient])
def test_what_never_ends_is_left(forever: object) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        wait_for(forever, limit=0.2, should_stop=lambda: False)  # type: ignore[arg-type]
    with pytest.raises(Interrupted):
        wait_for(forever, limit=30, should_stop=lambda: time.monotonic() - began > 1.5)  # type: ignore[arg-type]
    assert time.monotonic() - began < 10


def test_whoever_has_an_event_loop_already_may_wait_too() -> None:
    async def inner() -> str:
        return "inner"

    async def notebook() -> str:
        return wait_for(inner, limit=5, should_stop=lambda: False)

    with ThreadPoolExecutor() as elsewhere:  # In this thread another test's browser may have a loop.
        assert elsewhere.submit(asyncio.run, notebook()).result() == "inner"
