"""Several runs at a time, and proposals made beside them: the command line on real projects."""

from __future__ import annotations

import itertools
import json
import re
import signal
import sys
from pathlib import Path

import pytest

from overnight.errors import OvernightError
from overnight.ledger.history import History
from overnight.ledger.reader import LedgerReader
from overnight.ledger.records import Measured, Proposed
from tests.system.conftest import Project
from tests.system.test_steering import ask, until

# An idea is a line of its own. Singles of MEET wait for each other, so that they are measured at the same time, and end
# one after the other.
RUN = """import os, pathlib, time
ideas = {}
exec(open("ideas.py").read(), ideas)
held = {name: ideas[name] for name in ideas if name.startswith("IDEA_") and ideas[name]}
time.sleep(SECONDS)
meeting = pathlib.Path("MEETING")
if len(held) == 1 and set(held) <= MEET:
    (meeting / next(iter(held))).touch()
    until = time.monotonic() + 60
    while len(list(meeting.iterdir())) < len(MEET) and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(0.1 * sorted(MEET).index(next(iter(held))))
loss = 100 - sum(held.values())
if set(held) >= CLASH and CLASH:
    loss += TOGETHER
print("loss:", loss)
"""
# Idea N is what EFFECTS says, on line N or on the one line that all share.
AGENT = """import json, os, pathlib, re, sys, time
brief = sys.stdin.read()
number = int(re.findall(r"^# Experiment (\\d+)", brief, re.M)[-1])
pathlib.Path("BRIEFS", f"{number}-{time.time_ns()}").write_text(brief)
time.sleep(THINKS)
effects = json.loads('EFFECTS')
lines = open("ideas.py").read().splitlines(keepends=True)
place = 0 if SHARED else 2 * number
lines[place] = f"IDEA_{number} = {effects[(number - 1) % len(effects)]}\\n"
open("ideas.py", "w").write("".join(lines))
print("hypothesis: idea", number)
"""


def a_night(
    project: Project,
    effects: list[float],
    *,
    slots: int = 1,
    seconds: float = 0.0,
    thinks: float = 0.0,
    meet: frozenset[str] = frozenset(),
    clash: frozenset[str] | None = None,
    together: float = 0.0,
    shared: bool = False,
) -> None:
    meeting, briefs = (project.folder.with_name(name) for name in ("meeting", "briefs"))
    for folder in (meeting, briefs):
        folder.mkdir()
    run = RUN.replace("SECONDS", str(seconds)).replace("MEETING", str(meeting))
    run = run.replace("MEET", repr(set(meet))).replace("CLASH", repr(set(meet if clash is None else clash)))
    project.write("run.py", run.replace("TOGETHER", str(together)))
    agent = AGENT.replace("EFFECTS", json.dumps(effects)).replace("BRIEFS", str(briefs))
    project.write("agent.py", agent.replace("THINKS", str(thinks)).replace("SHARED", str(shared)))
    project.write("ideas.py", "".join(f"# {line}\n" for line in range(2 * len(effects) + 2)))
    project.set(
        edit="ideas.py",
        run=f"{sys.executable} -S run.py",
        agent=f"{sys.executable} -S agent.py",
        slots=str(slots),
        ahead="",
        stop=f"{{experiments: {len(effects)}}}",
    )
    project.commit()


BOTH = frozenset({"IDEA_1", "IDEA_2"})
FOUR = BOTH | {"IDEA_3", "IDEA_4"}


def history(project: Project) -> History:
    reader = LedgerReader(project.folder / ".overnight" / "ledger.db")
    (session,) = {session for (session,) in reader.rows("SELECT session FROM events")}
    return History(reader, session)


def must_be_whole(project: Project, experiments: int) -> None:
    """Every experiment has one verdict that counts, and the branch is what the ledger says."""
    told = history(project)
    assert [judged.number for judged in told.judged_after(0)] == list(range(1, experiments + 1))
    incumbent = told.incumbent()
    assert incumbent is not None
    (branch,) = project.git("for-each-ref", "--format=%(objectname)", "refs/heads/overnight").split()
    assert branch == incumbent.commit
    said = project.ok("doctor")
    assert all(line.startswith("ok:") for line in said.splitlines()), said


def held(project: Project) -> set[str]:
    """The ideas in the best version."""
    (branch,) = project.git("for-each-ref", "--format=%(refname)", "refs/heads/overnight").split()
    text = project.git("show", f"{branch}:ideas.py")
    return {line.split(" ")[0] for line in text.splitlines() if line.startswith("IDEA_")}


def spans(project: Project) -> list[tuple[float, float, Measured]]:
    """When each candidate's run began and ended."""
    found = []
    for event in history(project).events_after(0, 10_000):
        if isinstance(event.record, Measured) and event.record.role == "candidate":
            found.append((event.time - event.record.wall_seconds, event.time, event.record))
    return found


def test_four_slots_measure_at_the_same_time_and_gains_add_up(project: Project) -> None:
    a_night(project, [1.0, -1.0, 2.0, 0.5] * 4, slots=4, seconds=0.2, meet=FOUR, clash=frozenset())
    project.ok("run", "--no-sandbox", "--plain")
    must_be_whole(project, 16)
    good = {f"IDEA_{n}" for n in range(1, 17) if (n - 1) % 4 != 1}
    assert held(project) == good
    incumbent = history(project).incumbent()
    assert incumbent is not None
    assert incumbent.metric == 100 - 4 * 3.5
    met = [run for _, _, run in spans(project) if run.inside == (run.number,) and run.number <= 4]
    assert {run.slot for run in met} == {0, 1, 2, 3}, "each of them has waited for the other three"


def test_who_thinks_does_so_beside_the_run_and_knows_what_is_under_way(project: Project) -> None:
    a_night(project, [1.0] * 6, seconds=1.0, thinks=0.3)
    project.ok("run", "--no-sandbox", "--plain")
    must_be_whole(project, 6)
    assert len(held(project)) == 6, "each was carried over to what was kept while it was thought about"
    told = history(project)
    carried = [each for number in range(1, 7) for each in told.candidates(number)[1:]]
    assert carried
    assert all(each.parent != told.candidates(each.number)[0].parent for each in carried)
    runs = [(begin, end) for begin, end, _ in spans(project)]
    answered = [event.time for event in told.events_after(0, 1000) if isinstance(event.record, Proposed)]
    beside = [at for at in answered if any(begin < at < end for begin, end in runs)]
    assert len(beside) >= 3, "proposals came while others were measured"
    briefs = [path.read_text() for path in project.folder.with_name("briefs").iterdir()]
    assert any(re.search(r"do not propose these again[^#]*\| idea \d", brief) for brief in briefs)


def test_nobody_thinks_beside_a_run_whose_time_is_measured(project: Project) -> None:
    a_night(project, [1.0] * 4, seconds=0.3, thinks=0.3)
    run = (project.folder / "run.py").read_text()
    project.write("run.py", run.replace('"loss:"', '"load_seconds:"'))
    project.set(metric="load_seconds")
    project.commit()
    project.ok("run", "--no-sandbox", "--plain")
    must_be_whole(project, 4)
    begun = [(begin, end) for begin, end, _ in spans(project)]
    thought = [
        (event.time - event.record.seconds, event.time)
        for event in history(project).events_after(0, 1000)
        if isinstance(event.record, Proposed)
    ]
    assert not [1 for begin, end in begun for start, answer in thought if start < end and begin < answer]


def test_the_built_in_search_is_asked_when_its_turn_has_come(project: Project) -> None:
    project.set(agent="search")
    project.ok("run", "--no-sandbox", "--plain", "--experiments", "6")
    kinds = [event.record.kind for event in history(project).events_after(0, 100)]
    kinds = [kind for kind in kinds if kind in ("proposed", "judged")]
    assert kinds == ["judged", *["proposed", "judged"] * 6]


def test_what_does_not_fit_any_more_goes_back_with_the_new_file(project: Project) -> None:
    a_night(project, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], seconds=0.4, thinks=0.4, shared=True)
    project.ok("run", "--no-sandbox", "--plain")
    must_be_whole(project, 6)
    again = [path for path in project.folder.with_name("briefs").iterdir() if "does not fit" in path.read_text()]
    assert again
    text = again[0].read_text()
    number = again[0].name.split("-")[0]
    assert f"| idea {number}" in text
    assert f"| +IDEA_{number}" in text
    (branch,) = project.git("for-each-ref", "--format=%(refname)", "refs/heads/overnight").split()
    assert project.git("show", f"{branch}:ideas.py").startswith("IDEA_6 = 6.0")
    refs = project.git("for-each-ref", "--format=%(refname)", "refs/overnight").split()
    assert any("-" in ref.rsplit("/", 1)[1] for ref in refs), "what was proposed first can still be read"


def test_a_winner_that_makes_way_for_another_goes_back_with_the_new_file(project: Project) -> None:
    a_night(project, [3.0, 4.0, 0.0, 0.0, 0.0, 0.0], slots=2, meet=BOTH, shared=True)
    project.set(ahead="0")
    project.commit()
    project.ok("run", "--no-sandbox", "--plain")
    must_be_whole(project, 6)
    told = history(project)
    assert [judged.number for judged in told.kept()] == [2]
    worse = told.judged_number(1)
    assert worse is not None
    assert worse.overtaken_by == 2
    (again,) = [each for each in told.proposed_after(0) if each.remakes is not None]
    assert again.remakes == 1
    assert told.to_remake() == []
    briefs = project.folder.with_name("briefs").iterdir()
    (brief,) = [path for path in briefs if "better by itself (" in path.read_text()]
    assert brief.name.startswith(f"{again.number}-")
    text = brief.read_text()
    assert "was measured and is better by itself (+3)" in text
    assert "| idea 1" in text
    assert "| +IDEA_1 = 3.0" in text


def test_two_that_win_at_once_are_measured_together(project: Project) -> None:
    a_night(project, [3.0, 4.0], slots=2, meet=BOTH, together=-10.0)
    project.ok("run", "--no-sandbox", "--plain")
    must_be_whole(project, 2)
    assert held(project) == BOTH
    incumbent = history(project).incumbent()
    assert incumbent is not None
    assert incumbent.metric == 100 - 3 - 4 - 10


@pytest.mark.parametrize(("effects", "stays"), [([3.0, 4.0], "IDEA_2"), ([4.0, 3.0], "IDEA_1")])
def test_of_two_that_do_not_go_together_the_better_stays(project: Project, effects: list[float], stays: str) -> None:
    a_night(project, effects, slots=2, meet=BOTH, together=50.0)
    project.ok("run", "--no-sandbox", "--plain")
    must_be_whole(project, 2)
    assert held(project) == {stays}
    told = history(project)
    verdicts = {judged.number: judged for judged in told.judged_after(0)}
    better, worse = (2, 1) if stays == "IDEA_2" else (1, 2)
    assert verdicts[better].verdict == "keep"
    assert verdicts[better].metric == 96
    assert verdicts[worse].verdict == "discard"
    assert "together they are no improvement" in verdicts[worse].reason + verdicts[better].reason


def test_winners_in_line_are_measured_side_by_side_each_on_top_of_the_one_before(project: Project) -> None:
    a_night(project, [1.0, 2.0, 3.0, 4.0], slots=4, seconds=0.5, meet=FOUR, clash=frozenset())
    project.ok("run", "--no-sandbox", "--plain")
    must_be_whole(project, 4)
    assert held(project) == FOUR
    told = history(project)
    assert {judged.gain for judged in told.kept()} == {1.0, 2.0, 3.0, 4.0}, "each was measured for itself"
    runs = spans(project)
    assert len(runs) == 4 + 3, "the first needs no other run, and the others one"
    on_top = [span for span in runs if len(span[2].inside) > 1]
    assert sorted(len(run.inside) for _, _, run in on_top) == [2, 3, 4]
    assert max(begin for begin, _, _ in on_top) < min(end for _, end, _ in on_top)


def test_what_stands_on_a_winner_that_is_not_kept_is_measured_on_what_is(project: Project) -> None:
    a_night(project, [1.0, 2.0, 3.0, 4.0], slots=4, seconds=0.5, meet=FOUR, clash=frozenset({"IDEA_2"}), together=0.25)
    project.set(guards='["! grep IDEA_2 ideas.py"]')
    project.commit()
    project.ok("run", "--no-sandbox", "--plain")
    must_be_whole(project, 4)
    assert held(project) == FOUR - {"IDEA_2"}
    told = history(project)
    assert {judged.gain for judged in told.kept()} == {1.0, 3.0, 4.0}, "none has a part in what another one gained"
    verdict = told.judged_number(2)
    assert verdict is not None
    assert "! grep IDEA_2 ideas.py" in verdict.reason


@pytest.mark.parametrize("moment", [0.7, 1.1, 1.6])
def test_killed_with_much_under_way_it_goes_on_and_every_verdict_is_given_once(project: Project, moment: float) -> None:
    a_night(project, [1.0, -1.0, 0.5, 2.0] * 5, slots=3, seconds=0.3, thinks=0.2)
    for _ in range(2):
        process = project.start("run", "--no-sandbox", "--plain")
        seen = len(history_if_any(project))
        until(lambda seen=seen: len(history_if_any(project)) >= seen + int(moment * 14), "it does nothing")  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.wait()
    project.ok("run", "--no-sandbox", "--plain")
    must_be_whole(project, 20)
    assert held(project) == {f"IDEA_{n}" for n in range(1, 21) if (n - 1) % 4 != 1}
    told = history(project)
    for number in range(1, 21):
        prints = [run.fingerprint for run in told.runs(number) if run.role == "candidate"]
        assert len(prints) == len(set(prints)), "a run that was written down is not made again"


def history_if_any(project: Project) -> list[object]:
    if not (project.folder / ".overnight" / "ledger.db").exists():
        return []
    try:
        return list(itertools.chain(history(project).events_after(0, 10_000)))
    except (OvernightError, ValueError):  # It is just being made.
        return []


def test_stop_after_these_leaves_what_waits_for_the_next_time(project: Project) -> None:
    a_night(project, [1.0] * 30, slots=2, seconds=0.5, thinks=0.3)
    process = project.start("run", "--no-sandbox", "--plain")
    until(lambda: Path(project.folder, ".overnight", "now.json").exists() and len(history_if_any(project)) > 12, "idle")
    ask(project, "finish")
    assert process.wait(60) == 130
    told = history(project)
    begun = {run.number for _, _, run in spans(project)}
    assert all(told.judged_number(number) is not None for number in begun), "what was under way was brought to its end"
    project.ok("run", "--no-sandbox", "--plain", "--experiments", str(told.last_number()))
    must_be_whole(project, told.last_number())
