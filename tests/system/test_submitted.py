"""Changes that somebody outside the session hands in: measured and judged like any other, and never twice or lost."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from overnight.errors import SessionError
from overnight.goal.settings import SUBMITTED
from overnight.ledger.records import Proposed
from overnight.loop.events import ExperimentJudged, ProposalStarted, RunStarted, SessionEvent, Waiting
from overnight.loop.inbox import Submission
from overnight.loop.reading import open_history
from overnight.loop.session import Session
from overnight.loop.state import State
from tests.system.conftest import Project
from tests.system.test_steering import until, verdicts

# Every other line may be changed without another being in the way; a slow knob leaves time for something to happen.
SOLVE = """import time
KNOB = 10
print("a long way")
print("from here")
SLOW = 0
time.sleep(SLOW)
print("loss:", abs(KNOB - 37))
"""
SLOWER = "--- a/solve.py\n+++ b/solve.py\n@@ -5 +5 @@\n-SLOW = 0\n+SLOW = 0.7\n"


@pytest.fixture
def waiting(project: Project) -> Project:
    """A project whose sessions wait for what is submitted."""
    project.write("solve.py", SOLVE)
    project.set(agent="submitted")
    project.commit()
    return project


def knob(new: object, old: int = 10, path: str = "solve.py") -> str:
    return f'--- a/{path}\n+++ b/{path}\n@@ -2,2 +2,2 @@\n-KNOB = {old}\n+KNOB = {new}\n print("a long way")\n'


def hand_in(project: Project, patch: str, hypothesis: str = "an idea", session: str = "") -> Submission:
    submission = Submission.of(session, hypothesis, patch)
    State.of(project.folder).submissions.put(submission)
    return submission


def proposed_as(project: Project, submission: Submission) -> Proposed | None:
    with open_history(project.folder, None) as (history, _):
        return history.submitted(submission.request)


def play(project: Project, act: Callable[[SessionEvent], object], **options: Any) -> list[SessionEvent]:
    """A session to its end; `act` is told of each step before the next is taken."""
    session, events = Session(project.folder / "goal.md", **options), list[SessionEvent]()
    for event in session.run():
        events.append(event)
        if act(event) == "stop":
            session.request_stop()
    return events


def test_each_is_measured_and_judged_as_any_other_proposal(waiting: Project) -> None:
    patches = iter(
        [
            knob(30),
            knob(30),  # For a version that is none any more.
            knob(12, 30),
            knob(12, 30),
            knob(12, 30, path="goal.md"),
            "KNOB = 37",
            knob(30, 30),
            knob("(", 30),
        ]
    )
    handed_in = list[Submission]()

    def one_after_the_other(event: SessionEvent) -> None:
        is_idle = isinstance(event, ProposalStarted) and not State.of(waiting.folder).submissions.waiting()
        if is_idle and (patch := next(patches, None)):
            number = len(handed_in) + 1
            handed_in.append(hand_in(waiting, patch, f"idea {number}\nin two lines"))

    events = play(waiting, one_after_the_other, experiments=8)
    assert all(event.proposer == SUBMITTED for event in events if isinstance(event, ProposalStarted))
    for number, submission in enumerate(handed_in, 1):
        proposed = proposed_as(waiting, submission)
        assert proposed is not None
        assert (proposed.number, proposed.proposer) == (number, SUBMITTED)
        assert proposed.hypothesis == f"idea {number} in two lines"
    log = {record["number"]: record for record in waiting.log()}
    assert [log[number]["verdict"] for number in range(1, 9)] == [
        *("keep", "no_change", "discard", "no_change", "invalid", "no_change", "no_change", "invalid")
    ]
    assert (log[1]["gain"], log[3]["gain"]) == (20, -18)
    for number, words in {
        2: "the patch does not fit the best version: Hunk 1: its old text does not occur",
        4: "this was tried before: exactly this version is that of experiment 3",
        5: "it changed goal.md, but only solve.py may be changed",
        6: "There is no change in the patch",
        7: "The edits change nothing",
        8: "solve.py cannot be read any more: line 2",
    }.items():
        assert words in log[number]["reason"], number
    waiting.ok("doctor")


def test_what_is_overtaken_is_given_up_with_the_reason(waiting: Project) -> None:
    def two_at_once(event: SessionEvent) -> None:
        if isinstance(event, ProposalStarted) and event.number == 1:
            hand_in(waiting, knob(30) + SLOWER, "slow and better")
        elif isinstance(event, RunStarted) and event.number == 1:
            hand_in(waiting, knob(31), "the same line")

    play(waiting, two_at_once, experiments=2)
    first, second = waiting.log()[-2:]
    assert (first["verdict"], second["verdict"]) == ("keep", "no_change")
    assert second["reason"].startswith("a change to the same lines was kept meanwhile; submit it again")


def test_it_goes_in_front_of_an_agent_that_thinks_for_long(waiting: Project) -> None:
    waiting.set(agent="sleep 600")

    def beside_the_agent(event: SessionEvent) -> str:
        if isinstance(event, ProposalStarted) and event.proposer != SUBMITTED:
            hand_in(waiting, knob(30))
        return "stop" if isinstance(event, ExperimentJudged) and event.judged.number else ""

    play(waiting, beside_the_agent)
    (judged,) = [record for record in waiting.log() if record["number"]]
    assert (judged["proposer"], judged["verdict"]) == (SUBMITTED, "keep")


def test_it_is_measured_while_an_agent_waits_for_its_service(waiting: Project, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    waiting.write("agent.sh", f"echo >> {calls}; echo '429 Too Many Requests, retry-after: 3600'")
    waiting.set(agent="sh agent.sh")
    waiting.commit()

    def meanwhile(event: SessionEvent) -> None:
        if isinstance(event, Waiting):
            hand_in(waiting, knob(30))
        if isinstance(event, ExperimentJudged) and event.judged.number == 1:
            hand_in(waiting, knob(35, 30))

    play(waiting, meanwhile, experiments=2, sandbox=False)
    assert verdicts(waiting) == {0: "baseline", 1: "keep", 2: "keep"}
    assert calls.read_text().count("\n") == 1, "it is not asked again before that time"


def test_a_stop_rule_ends_the_waiting(waiting: Project) -> None:
    numbers, hours = list[int](), 0.0002
    while not numbers and hours < 1:  # Where the machine is busy, the baseline takes longer than that.
        hours *= 2
        events = play(waiting, lambda _: None, hours=hours)
        numbers = [event.number for event in events if isinstance(event, ProposalStarted)]
    assert numbers == [1], "it waits, and says so once"
    assert waiting.status()["reason"] == f"{hours:g} hours of work are over"


def test_what_the_session_was_killed_over_is_measured_once(waiting: Project) -> None:
    session = waiting.start("run", "--plain")

    def is_at(step: str) -> bool:
        with contextlib.suppress(SessionError), open_history(waiting.folder, None):
            now = waiting.status()
            return any(one["step"] == step and one["number"] == 1 for one in (*now["slots"], *now["thinking"]))
        return False

    until(lambda: is_at("proposing"), "it does not wait for a submission")
    assert "experiment 1: waiting for a submission, " in waiting.ok("status")
    first = hand_in(waiting, SLOWER)
    until(lambda: is_at("running"), "it is not measured")
    session.send_signal(signal.SIGKILL)
    session.wait(60)
    hand_in(waiting, SLOWER)  # As if it had been killed before it cleared that away.
    second, stray = hand_in(waiting, knob(30)), hand_in(waiting, knob(33), session="another")
    play(waiting, lambda _: None, experiments=2)
    assert verdicts(waiting) == {0: "baseline", 1: "discard", 2: "keep"}
    assert [each and each.number for each in (proposed_as(waiting, first), proposed_as(waiting, second))] == [1, 2]
    assert proposed_as(waiting, stray) is None
    box = State.of(waiting.folder).submissions
    assert not box.holds(stray.request)
    assert not box.holds(first.request)
    waiting.ok("doctor")


def test_nobody_stands_beside_it(waiting: Project) -> None:
    waiting.set(agent="[submitted, search]")
    assert "`agent`: `submitted` stands alone" in waiting.refused("run")
