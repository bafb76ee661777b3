"""Submissions beside each other, wherever something else than one exact run decides: people, noise, several slots."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from overnight.goal.document import Goal
from overnight.loop.briefing import brief_now
from overnight.loop.checkup import Checkup, check_goal
from overnight.loop.events import (
    ApprovalAwaited,
    ExperimentJudged,
    PersonAsked,
    ProposalStarted,
    RunStarted,
    SessionEvent,
    StoodInLine,
)
from overnight.loop.inbox import Submission
from overnight.loop.reading import open_history
from overnight.loop.state import State
from overnight.mcp.reading import Reading
from tests.mcp.conftest import within
from tests.system.conftest import Project
from tests.system.test_live import WORSE, a_world, ask, deployed, history_of
from tests.system.test_submitted import hand_in, play

PAGE = '{\n"appeal": 0.2,\n\n"title": "hello",\n\n"harm": 0\n}\n'


def line(old: str, new: str, path: str = "page.json") -> str:
    """A patch of one line."""
    return f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-{old}\n+{new}\n"


def told(project: Project, hypothesis: str, patch: str) -> dict[str, Any]:
    """What an assistant hears of a submission now, which it sends again."""

    async def asked() -> dict[str, Any]:
        async with within(project) as assistant:
            known = {"hypothesis": hypothesis, "patch": patch, "wait_seconds": 0}
            return dict(await assistant.ask("submit_experiment", **known))

    return anyio.run(asked)


def session_of(project: Project) -> str:
    with open_history(project.folder, None) as (history, _):
        return history.session


def test_each_that_people_decide_stands_on_what_was_kept_before_it(project: Project) -> None:
    a_world(project, WORSE, WORSE, approve="human")
    project.write("page.json", PAGE)
    project.set(agent="submitted")
    project.commit()
    submissions = {
        "better": line('"appeal": 0.2,', '"appeal": 0.45,'),
        "harmful": line('"harm": 0', '"harm": 0.5'),
    }
    heard: dict[int, list[dict[str, Any]]] = {}

    def both_at_once(event: SessionEvent) -> None:
        if isinstance(event, ProposalStarted) and not event.number > 1 and not heard:
            for hypothesis, patch in submissions.items():
                hand_in(project, patch, hypothesis, session_of(project))
        if isinstance(event, ApprovalAwaited):
            number = event.proposed.number
            heard[number] = [told(project, *submission) for submission in submissions.items()]
            ask(project, "approve", number)

    play(project, both_at_once)
    said = history_of(project)
    assert said[1].startswith("keep: "), said
    assert said[2].startswith("discard: rolled back: guard "), "not because of what a person has taken back"
    out = [each for each in deployed(project) if each["candidate"]][-1]
    assert (out["incumbent"]["appeal"], out["incumbent"]["harm"]) == (0.45, 0)
    assert (out["candidate"]["appeal"], out["candidate"]["harm"]) == (0.45, 0.5)

    first, second = heard[1]
    assert (first["state"], first["number"], second["state"], second["number"]) == ("waiting", 1, "waiting", None)
    assert first["words"] == "people meet it only after a person has approved that; the submission is kept"
    assert "people meet experiment 1, which comes first, only after a person has approved that" in second["words"]
    assert (heard[2][0]["state"], heard[2][0]["kept"], heard[2][1]["state"]) == ("decided", True, "waiting")


SCORE = """import os
knob = int(open(os.environ["OVERNIGHT_ARTIFACTS"] + "/out").read())
label = int(open("labels.txt").read())
print("the answer was", label, "or answer:", label)
assert knob > 0, f"{label} is not negative"
print("loss:", abs(knob - label), "far: 1")
"""


def test_what_a_scorer_prints_of_what_is_hidden_is_told_to_no_proposer(project: Project) -> None:
    project.write("labels.txt", "4711")
    project.write("score.py", SCORE)
    put = 'open(os.environ["OVERNIGHT_ARTIFACTS"] + "/out", "w").write(str(KNOB))'
    project.write("solve.py", f'import os\nKNOB = 10\nprint("the run says", KNOB)\n{put}\n')
    project.set(agent="submitted", score=f"{sys.executable} score.py", hidden="labels.txt", guards='["far < 2"]')
    project.commit()
    knobs = iter(["KNOB = 30", "KNOB = -1"])

    def one_after_the_other(event: SessionEvent) -> None:
        is_idle = isinstance(event, ProposalStarted) and not State.of(project.folder).submissions.waiting()
        if is_idle and (new := next(knobs, None)):
            hand_in(project, line("KNOB = 30" if "-" in new else "KNOB = 10", new, "solve.py"), new)

    play(project, one_after_the_other, experiments=2)
    kept, crashed = project.log()[1:]
    assert (kept["verdict"], crashed["verdict"]) == ("keep", "crash")
    goal = project.folder / "goal.md"
    for number in (0, 1, 2):
        explained = Reading(goal).explain_decision(number)
        assert explained["output_tail"].startswith("the run says ")
        assert "4711" not in str(explained)
    measured = Reading(goal).explain_decision(1)["measurements"][-1]["metrics"]
    assert measured.keys() == {"loss", "far", "wall_seconds", "cpu_seconds", "peak_mb"}, "what goal.md names is told"
    brief = brief_now(goal, None).text()
    assert "the run says -1" in brief
    assert "the scorer stopped with exit code 1 (" in brief
    assert "4711" not in brief
    assert "4711" not in str((Reading(goal).history(), Reading(goal).report(), Reading(goal).status()))
    shown = project.ok("show", "2")
    assert "4711 is not negative" in shown, "a person may see it"
    assert "the answer was 4711" in shown


def test_what_a_comparison_prints_of_what_is_hidden_is_told_to_no_proposer(project: Project) -> None:
    project.write("labels.txt", "4711")
    comparison = 'label = open("labels.txt").read()\nprint("answer:", label)\nprint("incumbent.loss: 1")\n'
    project.write("compare.py", f"{comparison}print('candidate.loss: 1')\n")
    project.set(agent="submitted", run="", compare=f"{sys.executable} compare.py", hidden="labels.txt")
    project.commit()
    play(project, lambda event: "stop" if isinstance(event, ProposalStarted) else "")
    goal = project.folder / "goal.md"
    explained = Reading(goal).explain_decision(0)
    assert explained["measurements"][-1]["value"] == 1
    assert "4711" not in str(explained)
    assert "answer: 4711" in project.ok("show", "0")
    *_, found = check_goal(Goal.read(goal), lambda: False)
    assert isinstance(found, Checkup)
    assert (found.mean, found.other_numbers) == (1, {}), "`check_goal` is a tool"
    project.write("compare.py", comparison)
    project.commit()
    said = project.refused("check")
    assert "`candidate.loss` was never printed; print lines " in said
    assert "4711" not in said, "an assistant may hear it, too"
    (log,) = re.findall(r"printed more: (.*)$", said, re.MULTILINE)
    assert "answer: 4711" in Path(log).read_text()


SEVERAL = """import os, random
A = 10

B = 10

NOISE = 0
noise = random.Random(int(os.environ["OVERNIGHT_SEED"])).gauss(0, NOISE)
print("loss:", abs(A - 37) + abs(B - 37) + noise)
"""


@pytest.mark.parametrize("noise", [0, 1])
def test_several_at_once_are_each_measured_and_told_once(project: Project, noise: int) -> None:
    project.write("solve.py", SEVERAL.replace("NOISE = 0", f"NOISE = {noise}"))
    project.set(agent="submitted", slots="3")
    project.commit()
    submissions = {
        "better": line("A = 10", "A = 30", "solve.py"),
        "the same in other words": line("A = 10", "A =  30", "solve.py"),
        "the same line": line("A = 10", "A = 31", "solve.py"),
        "better, too": line("B = 10", "B = 30", "solve.py"),
        "no program": line("B = 10", "B = (", "solve.py"),
        "elsewhere": line("A = 10", "A = 30", "goal.md"),
    }
    handed_in = list[Submission]()

    def all_at_once(event: SessionEvent) -> None:
        if isinstance(event, ProposalStarted) and not handed_in:
            name = session_of(project)
            handed_in.extend(hand_in(project, patch, said, name) for said, patch in (*submissions.items(),) * 2)

    events = play(project, all_at_once, experiments=len(submissions))
    with open_history(project.folder, None) as (history, _):
        numbers = [proposed.number for each in handed_in if (proposed := history.submitted(each.request))]
        assert numbers == [1, 2, 3, 4, 5, 6] * 2
        runs = [run for number in range(1, 7) for run in history.runs(number)]
    told_of = [event.judged.number for event in events if isinstance(event, ExperimentJudged)]
    assert sorted(told_of) == [0, 1, 2, 3, 4, 5, 6], "each verdict once"
    made = [(run.number, run.seed, run.inside, run.role) for run in runs]
    assert len(set(made)) == len(made), "nothing is measured twice"

    outcomes = [told(project, *submission) for submission in submissions.items()]
    assert [outcome["number"] for outcome in outcomes] == [1, 2, 3, 4, 5, 6]
    assert all(outcome["state"] == "decided" for outcome in outcomes)
    better, same, other, second, broken, elsewhere = outcomes
    assert [better["kept"], other["kept"]].count(True) == 1, "they exclude each other"
    assert second["kept"]
    assert same["verdict"] == "no_change"
    assert (broken["verdict"], elsewhere["verdict"]) == ("invalid", "invalid")
    if noise:
        assert better["gain_low"] < better["gain"] < better["gain_high"]
    project.ok("doctor")


def test_what_stands_in_line_or_waits_in_a_pause_is_told_so_and_goes_on(project: Project) -> None:
    slow = SEVERAL.replace("NOISE = 0", "C = 10\n\nNOISE = 0").replace("+ noise", "+ abs(C - 37)")
    project.write("solve.py", f"import time\ntime.sleep(0.3)\n{slow}")
    project.set(agent="submitted", slots="3")
    project.commit()
    submissions = {name: line(f"{name} = 10", f"{name} = 30", "solve.py") for name in "ABC"}
    submissions |= {f"{name} again": line(f"{name} = 10", f"{name} = 5", "solve.py") for name in "ABC"}
    heard = list[dict[str, Any]]()

    def until_one_stands_in_line(event: SessionEvent) -> str:
        if isinstance(event, ProposalStarted) and not State.of(project.folder).submissions.waiting():
            for said, patch in submissions.items():
                hand_in(project, patch, said, session_of(project))
        if isinstance(event, RunStarted) and event.number == 3 and not heard:
            ask(project, "pause")
        if isinstance(event, PersonAsked) and event.steered.act == "pause":
            heard.extend(told(project, *submission) for submission in submissions.items())
            ask(project, "resume")
        return "stop" if isinstance(event, StoodInLine) else ""

    play(project, until_one_stands_in_line, experiments=6)
    paused = [outcome for outcome in heard if outcome["state"] == "waiting"]
    assert all(outcome["words"].startswith("the session is paused; ") for outcome in paused)
    assert heard[5]["state"] == "waiting", "there is no slot for it yet"
    if project.status()["state"] != "finished":
        words = [told(project, *submission)["words"] for submission in submissions.items()]
        assert any(said.startswith("the session was put down: interrupted; the submission is kept") for said in words)
        play(project, lambda _: None, experiments=6)
    outcomes = [told(project, *submission) for submission in submissions.items()]
    assert [(outcome["number"], outcome["state"]) for outcome in outcomes] == [(n, "decided") for n in range(1, 7)]
    assert [outcome["kept"] for outcome in outcomes] == [True] * 3 + [False] * 3
    assert project.status()["best"] == 21
    project.ok("doctor")
