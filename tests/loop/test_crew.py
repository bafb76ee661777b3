"""Courses side by side: each in its worker's thread where it waits, all in one thread where they do not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from random import Random

import pytest

from overnight.loop.crew import Crew, InSlot, Work, Worker
from overnight.loop.events import Notice, RunStarted, SessionEvent


@pytest.fixture
def workers() -> Iterator[list[Worker[str]]]:
    made = [Worker(number, f"slot {number}") for number in range(3)]
    yield made
    for worker in made:
        worker.end()


def drained(crew: Crew) -> list[SessionEvent]:
    told: list[SessionEvent] = []
    while not crew.is_idle:
        told += crew.go_on(10.0)
    return told


def words(events: list[SessionEvent]) -> list[str]:
    return [event.words for event in events if isinstance(event, Notice)]


def test_courses_wait_at_the_same_time_and_get_what_they_waited_for(workers: list[Worker[str]]) -> None:
    all_here = threading.Barrier(3, timeout=30)  # Passed only if all three wait at once.

    def course(name: str) -> Iterator[object]:
        def work(means: str) -> str:
            all_here.wait()
            return f"{name} in {means} by {threading.current_thread() is threading.main_thread()}"

        found = yield Work(work)
        assert threading.current_thread() is threading.main_thread()
        yield Notice(found)

    crew = Crew()
    for worker, name in zip(workers, "abc", strict=True):
        assert list(crew.begin(worker, course(name))) == []  # type: ignore[arg-type]
        assert worker.is_busy
    assert sorted(words(drained(crew))) == [f"{name} in slot {n} by False" for n, name in enumerate("abc")]
    assert not any(worker.is_busy for worker in workers)


def test_a_failure_is_the_courses_own_and_the_others_go_on(workers: list[Worker[str]]) -> None:
    go = threading.Event()

    def fails() -> Iterator[object]:
        def work(_: str) -> None:
            raise OSError("no room")

        yield Work(work)

    def mends() -> Iterator[object]:
        def work(_: str) -> None:
            raise ValueError("odd")

        try:
            yield Work(work)
        except ValueError as error:
            yield Notice(f"mended: {error}")

    def waits() -> Iterator[object]:
        yield Work(lambda _: go.wait(30))
        yield Notice("done")

    crew, told = Crew(), list[SessionEvent]()
    for worker, course in zip(workers, (fails(), mends(), waits()), strict=True):
        told += crew.begin(worker, course)  # type: ignore[arg-type]

    def work() -> None:
        while True:
            told.extend(crew.go_on(10.0))

    with pytest.raises(OSError, match="no room"):
        work()
    assert not workers[0].is_busy
    go.set()
    told += drained(crew)
    assert sorted(words(told)) == ["done", "mended: odd"]


def test_a_run_is_told_with_the_slot_that_it_is_in(workers: list[Worker[str]]) -> None:
    def course() -> Iterator[object]:
        yield RunStarted(1, "candidate", 1, "an idea", 9.0)

    (event,) = Crew().begin(workers[2], course())  # type: ignore[arg-type]
    assert isinstance(event, RunStarted)
    assert event.slot == 2


@pytest.mark.parametrize("seed", range(3))
def test_all_of_many_courses_are_done_however_many_workers_there_are(workers: list[Worker[str]], seed: int) -> None:
    random, under_way, most, lock = Random(seed), 0, 0, threading.Lock()

    def work(_: str) -> int:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        threading.Event().wait(random.random() / 100)
        with lock:
            under_way -= 1
        return 1

    def course(name: int) -> InSlot[None]:
        for _ in range(random.randrange(4)):
            assert (yield Work(work)) == 1  # type: ignore[arg-type]
        yield Notice(str(name))

    told = list(Crew().all_of(workers, [course(name) for name in range(20)]))  # type: ignore[arg-type]
    assert sorted(map(int, words(told))) == list(range(20))
    assert most <= len(workers)
