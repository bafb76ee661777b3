"""What waits for a slot, in a real repository and ledger."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from overnight.loop.events import RunFinished
from overnight.loop.experiment import Experimenter
from overnight.loop.queue import Queue, Vacancy
from tests.checkout import Checkout
from tests.loop.workbench import GOAL, Workbench

RUN = """import runpy
print("loss:", 10 - sum(value for name, value in runpy.run_path("ideas.py").items() if name.startswith("idea_")))
"""
IDEAS = "".join(f"# {number}\n\n" for number in range(6))
"""Every second line is for an idea: to git, changes of neighbouring lines conflict."""


@pytest.fixture
def workbench(checkout: Checkout) -> Iterator[Workbench]:
    with ExitStack() as stack:
        goal = GOAL.replace("budget: 20s\n", "budget: 20s\nstop: {experiments: 5}\n")
        workbench = Workbench(checkout, stack, RUN, IDEAS, goal)
        workbench.measure_baseline(3)
        yield workbench


def queue_of(workbench: Workbench) -> Queue:
    """As a session that begins now has it."""
    return Queue(workbench.bench, Experimenter(workbench.bench))


def keep(workbench: Workbench, number: int, *, line: int) -> None:
    """An experiment that is better than all before it."""
    proposed = workbench.propose(number, f"idea_{number} = {number}", line=line)
    for _ in workbench.done(Experimenter(workbench.bench).decide(proposed)):
        pass
    assert workbench.verdict(number).verdict == "keep"


def numbers(queue: Queue) -> list[int]:
    return [each.number for each in queue.ready]


def test_a_session_finds_what_waits_and_which_numbers_are_free(workbench: Workbench) -> None:
    for number in (1, 4):
        workbench.propose(number, f"idea_{number} = 1", line=2 * number)
    queue = queue_of(workbench)
    assert numbers(queue) == [1, 4]
    assert queue.next_number == 2
    assert [queue.fill() for _ in range(2)] == [Vacancy(2), Vacancy(3)]
    assert queue.fill() == Vacancy(5)
    assert not queue.has_vacancy()  # The goal wants five.


def test_who_comes_to_no_proposal_leaves_the_number_to_the_next_one(workbench: Workbench) -> None:
    queue = queue_of(workbench)
    first = queue.fill()
    queue.fill()
    queue.filled(first, is_answered=False)
    assert queue.fill() == first
    assert queue.next_number == 3


def test_what_waits_is_carried_over_or_proposed_again(workbench: Workbench) -> None:
    fits = workbench.propose(1, "idea_1 = 1", line=2)
    overtaken = workbench.propose(2, "idea_2 = 1", line=6)
    keep(workbench, 3, line=6)
    queue = queue_of(workbench)
    queue.carry_over()
    [carried] = queue.all
    assert (carried.number, carried.parent, carried.inside) == (1, workbench.bench.incumbent().commit, (3,))
    assert carried.commit != fits.commit
    assert queue.has_vacancy()
    assert queue.fill(anew=False) == Vacancy(4)
    assert queue.fill() == Vacancy(2, overtaken)
    queue.filled(Vacancy(2, overtaken), is_answered=False)
    assert queue.pop_overtaken(submitted=True) == []
    assert queue.pop_overtaken() == [overtaken]


def test_an_improvement_that_made_way_is_made_again_by_one_of_those_who_think(workbench: Workbench) -> None:
    first, better = (workbench.propose(number, f"idea_{number} = {number}", line=2) for number in (1, 2))
    experimenter = Experimenter(workbench.bench)
    under_way = workbench.done(experimenter.decide(better))
    next(event for event in under_way if isinstance(event, RunFinished))
    for _ in (*workbench.done(experimenter.decide(first)), *under_way):
        pass
    assert [workbench.verdict(number).verdict for number in (1, 2)] == ["discard", "keep"]
    assert "they change the same lines" in workbench.verdict(1).reason
    queue = queue_of(workbench)
    assert queue.fill(anew=False) == Vacancy(3)  # Whoever submits something has thought of it already.
    remade = queue.fill()
    assert remade == Vacancy(4, first)
    assert queue.fill() == Vacancy(5)
    queue.filled(remade, is_answered=False)
    assert queue.fill() == remade
    proposed = workbench.propose(4, "idea_1_again = 1", line=4)
    workbench.history.append(proposed.model_copy(update={"remakes": 1}))
    queue.filled(remade, is_answered=True)
    assert workbench.history.to_remake() == []


def test_what_was_submitted_goes_before_what_agents_thought_of_and_behind_what_was_submitted_before(
    workbench: Workbench,
) -> None:
    queue = queue_of(workbench)
    for number, request in ((1, ""), (2, "a"), (3, ""), (4, "b")):
        proposed = workbench.propose(number, f"idea_{number} = 1", line=2 * number)
        queue.add(proposed.model_copy(update={"request": request}))
    assert numbers(queue) == [2, 4, 1, 3]
    first = queue.ready[0]
    queue.take(first)
    assert numbers(queue) == [4, 1, 3]
    assert not queue.put_back(first)  # It stands on nothing that is open.
    assert queue.pop_overtaken(submitted=True) == [first]
