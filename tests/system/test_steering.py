"""What a person asks of a session: pause, stop after this one, take back a keep, hints for the agent."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from overnight.ledger.records import Act
from overnight.loop.inbox import Request
from overnight.loop.state import State
from tests.system.conftest import Project
from tests.system.test_noise import a_night, kept, on_branch

# Exact: every idea adds to the gain, unless an idea is in that needs another which is not.
RUN = """import os, runpy, time
ideas = runpy.run_path("ideas.py")
held = {n for n in range(1, 20) if ideas.get(f"IDEA_{n}")}
time.sleep(SECONDS)
assert not held & NEEDS.keys() or all(NEEDS[n] in held for n in held & NEEDS.keys()), "it needs another idea"
print("loss:", 100 - sum(held))
"""


@pytest.fixture
def night(project: Project) -> Iterator[Project]:
    """Five ideas that all help, on lines of their own."""
    an_exact_night(project)
    yield project
    project.overnight("stop")


def an_exact_night(project: Project, needs: str = "{}", seconds: str = "0") -> None:
    """`seconds` is what a run takes, which may depend on the ideas that it has `held`."""
    run = RUN.replace("SECONDS", seconds)
    a_night(project, run=f"NEEDS = {needs}\n{run}", effects=[0.0] * 5)
    # The agent prints what it was told.
    agent = (project.folder / "agent.py").read_text()
    project.write("agent.py", f'{agent}print(open(os.environ["OVERNIGHT_BRIEF"]).read())\n')
    project.commit()


def ask(project: Project, act: Act, number: int | None = None, text: str = "") -> Request:
    request = Request(act=act, number=number, text=text)
    State.of(project.folder).inbox.put(request)
    return request


def until(condition: Callable[[], object], what: str) -> None:
    patience = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < patience, what
        time.sleep(0.05)


def brief_of(project: Project, number: int) -> str:
    (log,) = (project.folder / ".overnight" / "sessions").glob(f"*/logs/{number}.agent.log")
    return log.read_text()


def verdicts(project: Project) -> dict[int, str]:
    return {record["number"]: record["verdict"] for record in project.log()}


def test_a_keep_is_taken_back_and_the_others_stay(night: Project) -> None:
    night.ok("run", "--experiments", "3")
    ask(night, "take_back", 2)
    night.ok("run", "--experiments", "4")
    assert on_branch(night) == kept(night) == {1, 3, 4}
    assert night.status()["best"] == 100 - 1 - 3 - 4
    taken = night.log()[2]
    assert taken["verdict"] == "discard"
    assert taken["reason"] == "taken back by a person (it was: better by 2)"
    session = night.status()["session"]
    messages = night.git("log", "--reverse", "--format=%s%n%b", f"main..overnight/{session}")
    assert [message for message in messages.splitlines() if message.startswith("idea")] == [
        "idea 1",
        "idea 3",
        "idea 4",
    ]
    assert "loss: 99 -> 96 (experiment 3)" in messages
    night.ok("doctor")
    assert not list(State.of(night.folder).inbox.folder.iterdir())


def test_what_stands_on_it_goes_with_it(project: Project) -> None:
    project.ok("run", "--experiments", "3")  # Each sets the same line.
    assert kept(project) == {1, 2, 3}
    ask(project, "take_back", 2)
    project.ok("run", "--experiments", "4")
    records = project.log()
    assert records[3]["reason"] == "needs experiment 2, which was taken back"
    assert kept(project) == {1, 4}
    project.ok("doctor")


def test_what_does_not_work_without_it_goes_too(project: Project) -> None:
    an_exact_night(project, needs="{3: 2}")
    project.ok("run", "--experiments", "4")
    ask(project, "take_back", 2)
    project.ok("run", "--experiments", "5")
    assert on_branch(project) == kept(project) == {1, 5}
    assert "does not work without experiment 2" in project.log()[4]["reason"]
    project.ok("doctor")


def test_the_last_keep_can_be_taken_back_and_the_only_one(night: Project) -> None:
    night.ok("run", "--experiments", "1")
    ask(night, "take_back", 1)
    night.ok("run", "--experiments", "2")
    assert on_branch(night) == kept(night) == {2}
    night.ok("doctor")


def test_under_noise_it_is_in_no_version_any_more(project: Project) -> None:
    a_night(project)
    project.ok("run", "--experiments", "10")
    assert {2, 9} <= kept(project)
    ask(project, "take_back", 9)
    ask(project, "forbid", 4)
    project.ok("run", "--experiments", "16")
    assert 2 in kept(project)
    assert 9 not in kept(project)
    assert on_branch(project) == kept(project)
    assert project.log()[9]["reason"].startswith("taken back by a person (it was: ")
    project.ok("doctor")


def test_killed_while_it_is_taken_back_it_is_taken_back_all_the_same(project: Project) -> None:
    an_exact_night(project, seconds="1 if held and 1 not in held else 0")
    project.ok("run", "--experiments", "3")
    ask(project, "take_back", 1)
    now = project.folder / ".overnight" / "now.json"
    running = project.start("run", "--experiments", "4", "--plain")
    until(lambda: now.exists() and "without experiment 1" in now.read_text(), "it never began")
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert kept(project) == {1, 2, 3}
    project.ok("run", "--experiments", "4")
    assert on_branch(project) == kept(project) == {2, 3, 4}
    project.ok("doctor")


def test_what_was_written_down_is_not_done_again(night: Project) -> None:
    night.ok("run", "--experiments", "2")
    request = ask(night, "hint", text="try more")
    night.ok("run", "--experiments", "3")
    State.of(night.folder).inbox.put(request)  # As if the loop had been killed before it was cleared away.
    night.ok("run", "--experiments", "4")
    assert "try more" in brief_of(night, 3)
    assert "try more" not in brief_of(night, 4)


def test_a_hint_is_told_once_and_what_is_pinned_or_forbidden_always(night: Project) -> None:
    night.ok("run", "--experiments", "1")
    ask(night, "hint", text="try\nmore")
    pin = ask(night, "pin", 1, "go on like this")
    ask(night, "forbid", text="no tricks")
    night.ok("run", "--experiments", "3")
    assert "- Try this next: try\n  more\n" in brief_of(night, 2)
    assert "Try this next" not in brief_of(night, 3)
    for number in (2, 3):
        assert "- Keep to this: what experiment 1 tried (“idea 1”). go on like this\n" in brief_of(night, number)
        assert "- Leave this alone: no tricks\n" in brief_of(night, number)
    ask(night, "withdraw", text=pin.request)
    night.ok("run", "--experiments", "4")
    assert "Keep to this" not in brief_of(night, 4)
    assert "Leave this alone" in brief_of(night, 4)


def test_paused_it_waits_and_goes_on_where_it_was(project: Project) -> None:
    an_exact_night(project, seconds="0.5")
    running = project.start("run", "--plain")
    until((project.folder / ".overnight" / "now.json").exists, "it never began")
    until(lambda: project.status()["experiments"] >= 1, "nothing was tried")
    ask(project, "pause")
    until(lambda: project.status()["paused"] and not project.status()["slots"], "it did not pause")
    before = project.status()
    assert before["waits"].startswith("paused by a person since ")
    time.sleep(2)
    after = project.status()
    assert after["experiments"] == before["experiments"]
    assert after["worked_seconds"] - before["worked_seconds"] < 0.5
    ask(project, "resume")
    until(lambda: project.status()["experiments"] > after["experiments"], "it did not go on")
    assert not project.status()["paused"]
    assert running.wait(60) == 0
    assert verdicts(project) == {0: "baseline", **dict.fromkeys(range(1, 6), "keep")}
    assert "paused by a person" in running.communicate()[0]


def test_put_down_after_this_one_it_can_go_on(project: Project) -> None:
    an_exact_night(project, seconds="1.2")
    running = project.start("run", "--plain")
    until((project.folder / ".overnight" / "now.json").exists, "it never began")
    until(lambda: project.status()["experiments"] >= 1, "nothing was tried")
    ask(project, "finish")
    said = running.communicate(timeout=60)[0]
    assert running.returncode == 130
    assert "Put down after experiment " in said
    status = project.status()
    assert status["state"] == "stopped"
    assert status["reason"] == f"put down after experiment {status['experiments']}, as a person asked"
    assert all(verdict in ("keep", "baseline") for verdict in verdicts(project).values()), "one was cut off"
    project.ok("run")
    assert project.status()["experiments"] == 5


def test_put_down_while_it_waits_for_an_agent_that_is_down(night: Project) -> None:
    agent = (night.folder / "agent.py").read_text()
    down = "if number > 1:\n    raise SystemExit('429 rate limit exceeded')\ntext ="
    night.write("agent.py", agent.replace("text =", down, 1))
    night.commit()
    running = night.start("run", "--plain")
    until((night.folder / ".overnight" / "now.json").exists, "it never began")
    until(lambda: night.status()["waits"], "it never waited")
    ask(night, "finish")
    assert running.wait(60) == 130


def test_a_wish_for_one_session_is_not_carried_out_in_the_next(night: Project) -> None:
    night.ok("run", "--experiments", "1")
    State.of(night.folder).inbox.put(Request(act="take_back", number=1, session="2020-01-01"))
    said = night.ok("run", "--experiments", "2")
    assert "(refused: it was asked of session 2020-01-01" in said
    assert kept(night) == {1, 2}


@pytest.mark.parametrize("act", ["pause", "finish"])
def test_what_was_asked_of_a_process_that_has_ended_does_not_hold_up_the_next(night: Project, act: Act) -> None:
    night.ok("run", "--experiments", "1")
    ask(night, act)
    assert "(refused: it was asked of a process that has ended since" in night.ok("run", "--experiments", "2")
    assert kept(night) == {1, 2}


def test_what_cannot_be_done_is_refused_and_said(night: Project) -> None:
    night.ok("run", "--experiments", "1")
    for request in (("take_back", 7), ("take_back", None), ("hint", None), ("withdraw", None), ("resume", None)):
        ask(night, *request)
    said = night.ok("run", "--experiments", "2")
    for words in (
        "there is no experiment 7",
        "say which experiment",
        "there is nothing in it",
        "that does not stand",
        "it is not paused",
    ):
        assert f"(refused: {words}" in said
    assert kept(night) == {1, 2}


def test_what_it_is_doing_now_can_be_read_from_elsewhere(project: Project) -> None:
    an_exact_night(project, seconds="1")
    running = project.start("run", "--experiments", "1")
    now = project.folder / ".overnight" / "now.json"

    def slots() -> list[dict[str, Any]]:
        return list(json.loads(now.read_text())["slots"]) if now.exists() else []

    until(lambda: [slot["step"] for slot in slots()] == ["running"], "nothing runs")
    (slot,) = slots()
    assert slot["words"] == "measuring the baseline"
    assert slot["budget"] == 20
    assert abs(slot["since"] - time.time()) < 60
    until((project.folder / ".overnight" / slot["output"]).exists, "what it prints is nowhere")
    assert running.wait(60) == 0
    assert not now.exists()
