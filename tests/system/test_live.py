"""Live experiments, whole: a small world in which people come when somebody looks, and like what they like."""

from __future__ import annotations

import json
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from overnight.errors import GoalError, OvernightError
from overnight.ledger.records import Act
from overnight.loop.events import ApprovalAwaited, SessionEvent, TrialLooked, Waiting
from overnight.loop.inbox import Request
from overnight.loop.session import Session
from overnight.loop.state import State
from tests.system.conftest import Project

DEPLOY = """import json, os, pathlib
world = pathlib.Path(os.environ["OVERNIGHT_PROJECT"]) / "world"
world.mkdir(exist_ok=True)
out = {"trial": os.environ["OVERNIGHT_TRIAL"]}
for side in ("incumbent", "candidate"):
    folder = os.environ.get(f"OVERNIGHT_{side.upper()}")
    out[side] = json.loads((pathlib.Path(folder) / "page.json").read_text()) if folder else None
assert not (out["candidate"] or {}).get("unfit"), "that cannot be shown"
assert out["candidate"] or not (world / "stuck").exists(), "the server is away"
(world / "out.json").write_text(json.dumps(out))
with (world / "deployed").open("a") as log:
    print(json.dumps(out), file=log)
"""

# Four hundred people come between two looks while a candidate is out; the nth look fails where the world says so.
MEASURE = """import json, os, pathlib, random, sys
world = pathlib.Path(os.environ["OVERNIGHT_PROJECT"]) / "world"
fails = world / "fails"
if fails.exists() and (left := int(fails.read_text())):
    fails.write_text(str(left - 1))
    sys.exit("the database is not to be reached")
trial, out = os.environ["OVERNIGHT_TRIAL"], json.loads((world / "out.json").read_text())
counts = world / f"{trial}.json"
sides = ("incumbent", "candidate")
empty = {"looks": 0, **{side: {"people": 0, "yes": 0, "harm": 0} for side in sides}}
seen = json.loads(counts.read_text()) if counts.exists() else empty
if out["trial"] == trial and out["candidate"]:
    chance = random.Random(f"{trial[10:]} {seen['looks']}")
    for _ in range(400):
        side = sides[chance.random() < out["candidate"].get("share", 0.5)]
        seen[side]["people"] += 1
        seen[side]["yes"] += chance.random() < out[side]["appeal"]
        seen[side]["harm"] += chance.random() < out[side].get("harm", 0)
    seen["looks"] += 1
    counts.write_text(json.dumps(seen))
for side in sides:
    print(f"{side}.conversions: {seen[side]['yes']}/{seen[side]['people']}")
print(f"candidate.complaints: {seen['candidate']['harm']}")
"""

AGENT = """import json, os
number = int(open(os.environ["OVERNIGHT_BRIEF"]).read().split("# Experiment ")[1].split()[0])
idea = IDEAS[number - 1]
print("hypothesis:", idea.pop("says"))
json.dump({**json.load(open("page.json")), **idea}, open("page.json", "w"))
"""

BETTER = {"says": "a clear headline", "appeal": 0.45}
WORSE = {"says": "a longer form", "appeal": 0.15}
HARMFUL = {"says": "a trick", "harm": 0.2}
CROOKED = {"says": "a page that half of them never see", "share": 0.2}
UNFIT = {"says": "something broken", "unfit": True}


def a_world(
    project: Project, *ideas: dict[str, Any], approve: str = "auto", window: str = "25s", **settings: str
) -> None:
    """A project whose page people like as much as it says; `ideas` are what the agent proposes, in order."""
    python = sys.executable
    project.write("deploy.py", DEPLOY)
    project.write("measure.py", MEASURE)
    project.write("agent.py", f"IDEAS = {list(ideas)!r}\n{AGENT}")
    project.write("page.json", json.dumps({"appeal": 0.2}))
    project.write(".gitignore", "world\n")
    live = f"{{deploy: {python} -I -S deploy.py, measure: {python} -I -S measure.py, window: {window}, "
    project.set(
        run="",
        edit="page.json",
        metric="conversions",
        direction="higher",
        live=live + f"min_samples: 300, approve: {approve}}}",
        guards='["complaints < 20"]',
        agent=f"{python} agent.py",
        stop=f"{{experiments: {len(ideas)}}}",
        **settings,
    )
    project.commit()


def deployed(project: Project) -> list[dict[str, Any]]:
    """What was put before people, in order."""
    place = project.folder / "world" / "deployed"
    return [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []


def out_now(project: Project) -> int | None:
    """The number of the experiment that is out, if one is."""
    done = deployed(project)
    return int(done[-1]["trial"].rsplit("-", 1)[1]) if done and done[-1]["candidate"] else None


def counted(project: Project, number: int) -> int:
    """How often people came while an experiment was out."""
    found = list((project.folder / "world").glob(f"*-{number}.json"))
    try:
        return int(json.loads(found[0].read_text())["looks"]) if found else 0
    except ValueError:  # It is being written.
        return 0


def ask(project: Project, act: Act, number: int | None = None, text: str = "") -> None:
    State.of(project.folder).inbox.put(Request(act=act, number=number, text=text))


def until(condition: Callable[[], object], what: str) -> None:
    patience = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < patience, what
        time.sleep(0.05)


def work(project: Project) -> Iterator[SessionEvent]:
    """What `overnight run` does, event by event."""
    return Session(project.folder / "goal.md").run()


def history_of(project: Project) -> dict[int, str]:
    """Verdict and reason of every experiment."""
    return {record["number"]: f"{record['verdict']}: {record['reason']}" for record in project.log()}


def test_people_decide(project: Project) -> None:
    a_world(project, BETTER, WORSE, HARMFUL, CROOKED, UNFIT)
    checked = project.ok("check")
    assert "Nothing was deployed" in checked
    assert "without asking you" in checked
    assert "tried now     nothing" in checked  # Its only guard is a limit.
    assert not deployed(project)

    assert "people meet each for 25s at most, the agent sandboxed by " in project.ok("run")
    log = project.log()
    assert [judged["verdict"] for judged in log] == ["baseline", "keep", "discard", "discard", "invalid", "crash"]
    assert log[1]["reason"].startswith("better: +")
    assert 0 < log[1]["gain_low"] < log[1]["gain"] < log[1]["gain_high"]
    assert log[2]["reason"].startswith("probably worse: -")
    assert log[3]["reason"].startswith("rolled back: guard `complaints < 20` did not hold: it is ")
    assert counted(project, 3) == 1, "harm waits for nobody"
    assert log[4]["reason"].startswith("the split is broken: ")
    assert log[4]["metric"] is None
    assert log[5]["reason"].endswith("that cannot be shown")

    done = deployed(project)
    # The baseline beside itself, then each beside the best of its time, and between two of them nothing new.
    assert done[0]["incumbent"] == done[0]["candidate"] == {"appeal": 0.2}
    assert [bool(each["candidate"]) for each in done if not each["trial"].endswith("-5")] == [True, False] * 5
    assert [each["incumbent"]["appeal"] for each in done[:4]] == [0.2, 0.2, 0.2, 0.45]
    assert done[-1] == {**done[-1], "candidate": None, "incumbent": {"appeal": 0.45}}

    # What is said of it is about people, and not about runs.
    status, report, shown = project.ok("status"), project.report(), project.ok("show", "1")
    # What counts is in no room, so nothing may say that it is.
    assert "trust        what people did, counted by a frozen program, the agent in a sandbox (" in status
    assert "better, as people have shown" in report
    assert "- people: " in report
    assert "verif" not in status + report.replace("verified by itself", "")
    assert "grown 40 times" in shown
    assert "met the candidate" in shown
    assert "measured by people, and they are not asked again" in project.refused("verify")
    session = status.split()[1].rstrip(",")
    assert json.loads(project.git("show", f"overnight/{session}:page.json"))["appeal"] == 0.45


def test_it_goes_on_with_its_counts_whatever_ends_it(project: Project) -> None:
    a_world(project, {**BETTER, "appeal": 0.21}, BETTER, window="200s")
    running = project.start("run", "--plain")
    until(lambda: counted(project, 1) >= 1, "nothing went out")
    running.send_signal(signal.SIGINT)
    told, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "people meet the incumbent alone again; `overnight run` lets experiment 1 out once more" in told
    assert out_now(project) is None
    looks = counted(project, 1)

    running = project.start("run", "--plain")
    until(lambda: counted(project, 1) > looks, "it did not go on")
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=60)
    assert out_now(project) == 1, "nobody was there to take it back"
    assert "people meet the variant of experiment 1, and nobody watches it" in project.ok("status")
    looks = counted(project, 1)

    for event in work(project):
        if isinstance(event, TrialLooked) and event.measured.number == 1 and counted(project, 1) > looks:
            ask(project, "take_back", 1, "it looks cheap")
    said = history_of(project)
    assert list(said) == [0, 1, 2]
    assert said[1].startswith("discard: ended by a person: it looks cheap (")
    assert said[2].startswith("keep: ")
    out = [each["trial"].rsplit("-", 1)[1] for each in deployed(project) if each["candidate"]]
    assert out == ["0", "1", "1", "1", "2"]
    assert out_now(project) is None


def test_a_look_that_fails_is_waited_out_and_a_blind_session_lets_nothing_out(project: Project) -> None:
    a_world(project, BETTER, window="100s")
    waited: list[str] = []
    for event in work(project):
        if isinstance(event, TrialLooked) and event.measured.number == 1 and not waited:
            (project.folder / "world" / "fails").write_text("4")
        waited += [event.reason] if isinstance(event, Waiting) else []
    assert len(waited) == 4
    assert all(reason.endswith("the database is not to be reached") for reason in waited)
    # After the third failure people meet the incumbent alone; once it can be counted again, the candidate as well.
    ours = [bool(each["candidate"]) for each in deployed(project) if each["trial"].endswith("-1")]
    assert ours == [True, False, True, False]
    assert history_of(project)[1].startswith("keep: ")


def test_nobody_meets_what_no_person_has_approved(project: Project) -> None:
    a_world(project, BETTER, {**BETTER, "appeal": 0.46}, {**BETTER, "appeal": 0.47}, approve="human")
    for event in work(project):
        match event:
            case ApprovalAwaited() if event.proposed.number == 1:
                assert deployed(project)[-1]["trial"].endswith("-0")
                ask(project, "approve", 1)
            case ApprovalAwaited() if event.proposed.number == 2:
                assert history_of(project)[1].startswith("keep: ")
                ask(project, "take_back", 1)
                ask(project, "reject", 2, "too loud")
            case ApprovalAwaited():
                ask(project, "finish")
    said = history_of(project)
    assert said[1].startswith("discard: taken back by a person")
    assert said[2] == "discard: a person turned it down: too loud"
    assert not [each for each in deployed(project) if each["trial"].endswith(("-2", "-3")) and each["candidate"]]
    assert deployed(project)[-1]["incumbent"] == {"appeal": 0.2}, "people meet what is left"


def out_at_times(project: Project, in_the_pause: Callable[[], None]) -> list[bool]:
    """Whether the first candidate was out, at each deploy of a session that is paused while it is."""

    def once_it_is_in() -> None:
        until(lambda: out_now(project) is None, "it is still out")
        in_the_pause()

    person = threading.Thread(target=once_it_is_in)
    for event in work(project):
        if isinstance(event, TrialLooked) and event.measured.number == 1 and person.ident is None:
            ask(project, "pause")
            person.start()
    person.join()
    return [bool(each["candidate"]) for each in deployed(project) if each["trial"].endswith("-1")]


def test_while_a_session_is_paused_nothing_is_out(project: Project) -> None:
    a_world(project, BETTER, window="100s")
    assert out_at_times(project, lambda: ask(project, "resume")) == [True, False, True, False]
    assert history_of(project)[1].startswith("keep: ")


def test_what_cannot_be_taken_back_at_the_end_is_said_aloud_and_taken_back_later(project: Project) -> None:
    a_world(project, BETTER, window="120s")
    session = Session(project.folder / "goal.md")

    def work_until_it_is_stuck() -> None:
        for event in session.run():
            if isinstance(event, TrialLooked) and event.measured.number == 1:
                (project.folder / "world" / "stuck").touch()
                session.request_stop()

    with pytest.raises(OvernightError, match=r"EXPERIMENT 1 IS STILL OUT.*the server is away.*Do that by hand"):
        work_until_it_is_stuck()
    (project.folder / "world" / "stuck").unlink()
    assert project.status()["out"] == 1
    list(work(project))
    assert out_now(project) is None
    assert history_of(project)[1].startswith("keep: ")


def test_a_candidate_does_not_outlive_what_it_was_made_on(project: Project) -> None:
    a_world(project, BETTER, {**BETTER, "appeal": 0.46}, window="100s")
    for event in work(project):
        if isinstance(event, TrialLooked) and event.measured.number == 2:
            ask(project, "finish")
    ask(project, "take_back", 1)
    list(work(project))
    said = history_of(project)
    assert said[1].startswith("discard: taken back by a person")
    assert said[2] == "discard: it was made on top of a change that a person has taken back since"
    assert deployed(project)[-1]["candidate"] is None
    assert deployed(project)[-1]["incumbent"] == {"appeal": 0.2}


def test_what_a_person_ends_while_it_is_paused_goes_out_no_more(project: Project) -> None:
    a_world(project, BETTER, window="100s")

    def end_and_resume() -> None:
        ask(project, "take_back", 1, "it looks cheap")
        ask(project, "resume")

    assert out_at_times(project, end_and_resume) == [True, False, False]
    assert history_of(project)[1].startswith("discard: ended by a person: it looks cheap (")


def test_a_variant_that_cannot_be_taken_back_is_tried_again_when_the_session_is_ended(project: Project) -> None:
    a_world(project, BETTER, window="100s")
    stuck = project.folder / "world" / "stuck"

    def until_it_waits(*, mended: bool) -> None:
        session = Session(project.folder / "goal.md")
        for event in session.run():
            if isinstance(event, TrialLooked) and event.measured.number == 1:
                stuck.touch()
                ask(project, "take_back", 1)
            if isinstance(event, Waiting):
                if mended:
                    stuck.unlink()
                    return  # To leave the loop ends the session, too.
                session.request_stop()

    with pytest.raises(OvernightError, match="THE VARIANT OF EXPERIMENT 1 IS STILL OUT"):
        until_it_waits(mended=False)
    assert out_now(project) == 1
    until_it_waits(mended=True)
    assert out_now(project) is None


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("deploy.py", "raise SystemExit('no such server')", "no such server; it must work before anything goes out"),
        ("measure.py", "print('candidate.conversions: 0.3')", "`candidate.conversions: 31/400`"),
        ("measure.py", "print('candidate.conversions: 3/700', 'incumbent.conversions: 3/300')", "the split is broken"),
        ("measure.py", "print('candidate.conversions: 3/900', 'incumbent.conversions: 400/900', 'complaints: 0')",
         "two equal versions do not come out alike"),
        ("measure.py", "print('candidate.conversions: 3/900', 'incumbent.conversions: 3/900')",
         "guard `complaints < 20` cannot be checked"),
    ],
)  # fmt: skip
def test_a_baseline_that_cannot_be_shown_or_counted_is_refused(
    project: Project, name: str, text: str, says: str
) -> None:
    a_world(project, BETTER)
    project.write(name, text)
    project.commit()
    with pytest.raises(GoalError, match=re.escape(says)):
        list(work(project))
