"""`apply --split`: real sessions, real git."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.checkout import Checkout
from tests.system.conftest import Project
from tests.system.test_noise import EFFECTS, a_night, kept

RUN = """import solve
print("loss:", abs(solve.A - 5) + abs(solve.B - 5) + abs(solve.C - 5))
"""
SOLVE = "A = 0\n\n# between\n\nB = 0\n\n# between\n\nC = 0\n"
# What each experiment writes, and in which words.
STEPS = [
    ("A", 2, "raise A to 2, which is a first step on the way to the place where the loss is smallest"),
    ("B", 3, "raise B to 3"),
    ("A", 4, "raise A\033[31m to 4"),
    ("C", 1, "raise C to 1"),
    ("C", -5, "lower C"),
]
AGENT = """import os, re
number = int(re.search(r"# Experiment (\\d+)", open(os.environ["OVERNIGHT_BRIEF"]).read())[1])
name, value, words = STEPS[number - 1]
text = open("solve.py").read()
open("solve.py", "w").write(re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.M))
print("hypothesis:", words)
"""


def a_session(project: Project) -> str:
    project.write("run.py", RUN)
    project.write("solve.py", SOLVE)
    project.write("agent.py", f"STEPS = {STEPS!r}\n{AGENT}")
    python = sys.executable
    project.set(run=f"{python} run.py", agent=f"{python} agent.py", stop="{experiments: 5}")
    project.commit()
    project.ok("run", "--plain", "--no-sandbox")
    return str(project.status()["session"])


def branches(project: Project) -> list[str]:
    return project.git("branch", "--list", "--format=%(refname:short)", "overnight-split/*").split()


def file_of(project: Project, commit: str, name: str = "solve.py") -> str:
    return project.git("show", f"{commit}:./{name}")


def test_each_change_has_a_branch_and_two_on_one_line_share_one(project: Project) -> None:
    session = a_session(project)
    before = project.git("status", "--porcelain"), project.git("rev-parse", "HEAD"), project.git("branch")
    said = project.ok("apply", "--split")
    a, b, c = branches(project)
    assert [branch.removeprefix(f"overnight-split/{session}/") for branch in (a, b, c)] == [
        "1-3-raise-a-to-2-which-is-a-first-step-on",
        "2-raise-b-to-3",
        "4-raise-c-to-1",
    ]
    assert file_of(project, a) == SOLVE.replace("A = 0", "A = 4")
    assert file_of(project, f"{a}~1") == SOLVE.replace("A = 0", "A = 2")
    assert file_of(project, b) == SOLVE.replace("B = 0", "B = 3")
    assert file_of(project, c) == SOLVE.replace("C = 0", "C = 1")
    for branch, commits in ((a, 2), (b, 1), (c, 1)):
        assert project.git("rev-list", "--count", f"main..{branch}").strip() == str(commits)
        assert f"git push origin {branch}" in said
    after = project.git("status", "--porcelain"), project.git("rev-parse", "HEAD")
    assert after == before[:2]
    assert set(before[2].split()) < set(project.git("branch").split())
    project.git("merge", "-q", "-m", "all", a)
    project.git("merge", "-q", "-m", "all", c)
    project.git("merge", "-q", "-m", "all", b)
    assert file_of(project, "HEAD") == file_of(project, f"overnight/{session}")


def test_a_message_says_what_how_and_how_sure(project: Project) -> None:
    session = a_session(project)
    project.ok("apply", "--split")
    first, second = (
        project.git("log", "-1", "--format=%B", commit)
        for commit in (branches(project)[0] + "~1", branches(project)[0])
    )
    lines = first.splitlines()
    assert lines[0] == "raise A to 2, which is a first step on the way to the place where the …"
    assert len(lines[0]) <= 72
    assert lines[1] == ""
    assert all(len(line) <= 72 or " " not in line for line in lines)
    words = " ".join(first.split())
    assert "place where the loss is smallest loss: 15 -> 13, better by 2 (exact), measured while searching" in words
    assert "The number is self-reported: the run prints its own metric, without a sandbox " in words
    assert f"(`{sys.executable} run.py`); 1 run, and the metric repeats exactly." in words
    assert "All that the session kept is, together, not verified." in words
    assert f"Experiment 1 of Overnight session {session} (goal.md), proposed by {sys.executable} agent.py." in words
    assert second.startswith("raise A�[31m to 4\n\nloss: 10 -> 8, better by 2 (exact)")
    project.ok("verify")
    project.ok("apply", "--split")
    assert "verified 53.3 % better (2 pairs of runs, all alike)" in " ".join(
        project.git("log", "-1", "--format=%B", branches(project)[1]).split()
    )


def test_measured_by_itself_the_message_says_so(project: Project) -> None:
    a_session(project)
    said = project.ok("apply", "--split", "--measure")
    a, b, _ = branches(project)
    assert "        together: loss better by 4 (exact) than the baseline, 2 pairs of runs on fresh seeds" in said
    assert "        alone: loss better by 3 (exact) than the baseline, 2 pairs of runs on fresh seeds" in said
    tip, below = (" ".join(project.git("log", "-1", "--format=%B", name).split()) for name in (a, f"{a}~1"))
    assert "Together (experiments 1, 3), and without the other kept changes, measured again " in tip
    assert f"(`{sys.executable} run.py`): loss better by 4 (exact) than the baseline, 2 pairs of runs on fresh" in tip
    assert "measured again" not in below
    assert "By itself, measured again (`" in " ".join(project.git("log", "-1", "--format=%B", b).split())
    assert project.status()["experiments"] == 5


def test_what_does_not_run_by_itself_is_said(project: Project) -> None:
    project.write("run.py", "import solve\nprint('loss:', solve.loss())\n")
    project.write("solve.py", "X = 1\n\n\n\n\n\ndef loss():\n    return 8 + X\n\n\n\n\n# end\n")
    project.write("agent.py", AGENT_OF_TWO)
    python = sys.executable
    project.set(run=f"{python} run.py", agent=f"{python} agent.py", stop="{experiments: 2}")
    project.commit()
    project.ok("run", "--plain", "--no-sandbox")
    said = project.ok("apply", "--split", "--measure")
    assert re.search(r"alone: it does not run \(.*NameError", said), said


AGENT_OF_TWO = """import os, re
number = int(re.search(r"# Experiment (\\d+)", open(os.environ["OVERNIGHT_BRIEF"]).read())[1])
text = open("solve.py").read()
if number == 1:
    text = text.replace("X = 1\\n", "X = 0\\nHELPER = 1\\n")
else:
    text = text + "def other():\\n    return HELPER\\n\\n\\nloss = lambda: 5 + other()\\n"
open("solve.py", "w").write(text)
"""


def test_again_it_replaces_its_own_and_nobody_elses(project: Project) -> None:
    a_session(project)
    project.ok("apply", "--split")
    a, b, _ = branches(project)
    tips = project.git("for-each-ref", "refs/heads/overnight-split")
    project.ok("apply", "--split")
    assert project.git("for-each-ref", "refs/heads/overnight-split") == tips
    project.git("switch", "-q", b)
    project.ok("apply", "--split")  # It says the same, so that nobody is in the way.
    assert f"the branch {b} is checked out and would have to change" in project.refused("apply", "--split", "--measure")
    assert project.git("for-each-ref", "refs/heads/overnight-split") == tips
    project.write("mine.py", "x\n")
    mine = project.commit()
    project.git("switch", "-q", "main")
    assert f"the branch {b} is not what was made any more" in project.refused("apply", "--split", "--measure")
    assert project.git("rev-parse", b).strip() == mine
    project.git("branch", "-m", b, "mine")
    project.ok("apply", "--split", "--measure")
    assert branches(project)[0] == a
    assert project.git("rev-parse", "mine").strip() == mine
    assert project.git("for-each-ref", "refs/heads/overnight-split") != tips
    project.ok("doctor", "--look")


def test_a_bundle_carries_them_to_a_checkout_that_has_the_base(project: Project, tmp_path: Path) -> None:
    project.git("clone", "-q", "--bare", ".", str(tmp_path / "elsewhere"))
    a_session(project)
    bundle = tmp_path / "a" / "new" / "kept.bundle"
    project.ok("apply", "--split", "--bundle", str(bundle))
    elsewhere = Checkout(tmp_path / "elsewhere")
    elsewhere.git("fetch", "-q", str(project.folder), "main")
    elsewhere.git("fetch", "-q", str(bundle), "refs/heads/*:refs/heads/*")
    tips = ("for-each-ref", "refs/heads/overnight-split")
    assert elsewhere.git(*tips) == project.git(*tips) != ""
    assert "cannot be written: Not a directory" in project.refused("apply", "--split", "--bundle", f"{bundle}/x/y")
    assert "--bundle is about the branches that --split makes" in project.refused("apply", "--bundle", "x")


def test_a_goal_in_a_subfolder_and_several_files(project: Project) -> None:
    (project.folder / "deep").mkdir()
    inner = Project(project.folder / "deep")
    for name in ("goal.md", "agent.sh"):
        (project.folder / name).rename(inner.folder / name)
    inner.write("a.txt", "1\n")
    inner.write("b.txt", "1\n")
    inner.write(
        "agent.sh", 'n=$(sed -n "s/^# Experiment //p" | head -1)\n[ $n = 1 ] && echo 0 > a.txt || echo 0 > b.txt\n'
    )
    inner.write("count.py", "print('loss:', sum(int(open(n).read()) for n in ('a.txt', 'b.txt')))\n")
    inner.set(edit="'*.txt'", run=f"{sys.executable} count.py", stop="{experiments: 2}")
    inner.commit()
    inner.ok("run", "--plain", "--no-sandbox")
    inner.ok("apply", "--split")
    first, second = branches(project)
    assert [file_of(inner, first, name) for name in ("a.txt", "b.txt")] == ["0\n", "1\n"]
    assert [file_of(inner, second, name) for name in ("a.txt", "b.txt")] == ["1\n", "0\n"]


def test_neighbouring_lines_under_noise_share_a_branch_and_all_merge(project: Project) -> None:
    a_night(project)
    spaced = "".join(
        f"IDEA_{number + 1} = False\n" + ("\n\n\n" if number >= 8 else "") for number in range(len(EFFECTS))
    )
    project.write("ideas.py", spaced)
    project.commit()
    project.ok("run", "--plain", "--no-sandbox")
    session = project.status()["session"]
    said = project.ok("apply", "--split", "--measure")
    assert re.search(
        r"better by [\d.]+ \(95 % interval [\d.-]+ to [\d.]+\) than the baseline, 5 pairs of runs", said
    ), said
    made = branches(project)
    assert {
        int(number)
        for name in made
        for number in re.findall(r"(?:^|-)(\d+)", name.rpartition("/")[2].partition("-idea")[0])
    } == kept(project)
    assert len(made) > 1
    for name in made:
        project.git("merge", "-q", "-m", "take it", name)
    assert file_of(project, "HEAD", "ideas.py") == file_of(project, f"overnight/{session}", "ideas.py")


def test_nothing_kept_is_a_sentence(project: Project) -> None:
    project.set(agent='sh -c \'echo KNOB = 1 > solve.py; echo "print(\\"loss:\\", 99)" >> solve.py\'')
    project.ok("run", "--plain", "--no-sandbox", "--experiments", "1")
    assert "has kept nothing, so there is nothing to apply" in project.refused("apply", "--split")
    project.write("kept.bundle", "of an earlier night")
    assert "Nothing was kept" in project.ok("apply", "--split", "--measure", "--bundle", "kept.bundle")
    assert not (project.folder / "kept.bundle").exists()
    assert "--measure is about the branches that --split makes" in project.refused("apply", "--measure")


def test_a_branch_in_the_way_is_a_sentence(project: Project) -> None:
    a_session(project)
    project.git("branch", "overnight-split")
    assert "is there a branch called `overnight-split`? rename it" in project.refused("apply", "--split")
