"""A noisy metric, from the command line to the branch: nights with known truth."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import OVERNIGHT, Project

# Truth and noise are known, and the noise depends on nothing but the seed and what is in the file.
RUN = """import os, random, runpy
ideas = runpy.run_path("ideas.py")
held = [n for n in range(len(EFFECTS)) if ideas[f"IDEA_{n + 1}"]]
noise = random.Random(os.environ["OVERNIGHT_SEED"] + str(held)).gauss(0, 0.3)
print("loss:", 100 - sum(EFFECTS[n] for n in held) + noise)
"""
AGENT = """import os, re
number = int(re.search(r"# Experiment (\\d+)", open(os.environ["OVERNIGHT_BRIEF"]).read())[1])
text = open("ideas.py").read()
open("ideas.py", "w").write(text.replace(f"IDEA_{number} = False\\n", f"IDEA_{number} = True\\n"))
print(f"hypothesis: idea {number}")
"""
EFFECTS = [0.0, 2.0, -1.0, 0.1, 1.5, -2.0, 0.0, -0.2, 3.0, -3.0, 0.0, 1.0, -1.0, 0.0, 0.5, -0.5]


def a_night(project: Project, run: str = RUN, effects: list[float] = EFFECTS, **settings: str) -> None:
    project.write("run.py", f"EFFECTS = {effects}\n{run}")
    project.write("agent.py", AGENT)
    project.write("ideas.py", "".join(f"IDEA_{number + 1} = False\n" for number in range(len(effects))))
    python = sys.executable
    experiments = f"{{experiments: {len(effects)}}}"
    project.set(edit="ideas.py", run=f"{python} run.py", agent=f"{python} agent.py", stop=experiments, **settings)
    project.commit()


def story(project: Project) -> list[dict[str, Any]]:
    return [
        {key: record[key] for key in ("number", "verdict", "metric", "gain", "gain_low", "gain_high", "runs")}
        for record in project.log()
    ]


def on_branch(project: Project) -> set[int]:
    session = project.status()["session"]
    text = project.git("show", f"overnight/{session}:ideas.py")
    return {number for number in range(1, 100) if f"IDEA_{number} = True" in text}


def kept(project: Project) -> set[int]:
    return {record["number"] for record in project.log() if record["verdict"] == "keep"}


def test_real_gains_are_kept_and_nothing_that_harms(project: Project) -> None:
    a_night(project)
    project.ok("run")
    assert {2, 5, 9} <= kept(project) <= {number + 1 for number, effect in enumerate(EFFECTS) if effect >= 0}
    assert on_branch(project) == kept(project)
    session = project.status()["session"]
    commits = project.git("log", "--format=%H", f"overnight/{session}").split()
    of_keeps = {record["commit"] for record in project.log() if record["verdict"] == "keep"}
    assert of_keeps == set(commits[: len(of_keeps)])
    large = next(record for record in project.log() if record["number"] == 9)
    assert large["gain_low"] < 3.0 < large["gain_high"]
    assert sum(record["runs"] for record in project.log()[1:]) < 2 * len(EFFECTS)


def test_killed_again_and_again_it_decides_as_if_nothing_had_been(project: Project, tmp_path: Path) -> None:
    a_night(project)
    project.ok("run")
    undisturbed = story(project)
    project.git("branch", "-D", f"overnight/{project.status()['session']}")
    (project.folder / ".overnight").rename(tmp_path / "first-night")
    for pause in (1.0, 1.3, 0.8, 1.7):
        process = subprocess.Popen([*OVERNIGHT, "run", "--plain"], cwd=project.folder, stdout=subprocess.DEVNULL)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
    project.ok("run")
    assert story(project) == undisturbed
    assert on_branch(project) == kept(project)


def test_keeps_that_were_luck_are_taken_back_and_show_tells_why(project: Project) -> None:
    # Nothing does anything, and the noise is large: whatever is kept was luck. Not every night has any.
    a_night(project, RUN.replace("0.3", "1.0"), [0.0] * 50)
    taken_back: set[int] = set()
    for seed in (11, 6, 10, *range(12, 16)):
        said = project.ok("run", "--new", "--seed", str(seed))
        taken_back = {int(line.split()[0]) for line in said.splitlines() if "taken back: " in line}
        if taken_back:
            break
    assert taken_back
    assert not taken_back & on_branch(project)
    assert on_branch(project) == kept(project)
    assert project.status()["kept"] == len(kept(project)) <= 1
    shown = project.ok("show", str(min(taken_back)))
    for words in ("known before", "measured", "how it went", "keep, ", "taken back: "):
        assert words in shown


def test_an_idea_that_crashes_in_company_only_is_tried_by_itself(project: Project) -> None:
    # Ideas 3 and 4 cannot be together; both are real improvements.
    fragile = RUN.replace("noise =", "assert not {2, 3} <= set(held), 'three and four do not go together'\nnoise =")
    a_night(project, fragile, [0.0, 0.0, 2.0, 3.0, 0.0, 0.0])
    project.ok("run")
    verdicts = {record["number"]: record["verdict"] for record in project.log()}
    assert "crash" not in (verdicts[1], verdicts[2], verdicts[5], verdicts[6])
    assert len({3, 4} & kept(project)) == 1
    assert on_branch(project) == kept(project)


def test_a_candidate_that_crashes_is_a_crash(project: Project) -> None:
    a_night(project, RUN.replace("noise =", "assert 1 not in held, 'no'\nnoise ="), [1.0, 5.0, 1.0])
    project.ok("run")
    record = project.log()[2]
    assert record["verdict"] == "crash"
    assert "exit code 1" in record["reason"]


def test_crashes_in_a_row_make_it_look_at_the_machine_and_go_on(project: Project) -> None:
    crash = "crashing = {2, 3, 4, 5}\nif any(ideas[f'IDEA_{n}'] for n in crashing): raise SystemExit('boom')\n"
    a_night(project, RUN.replace("held =", f"{crash}held ="), effects=EFFECTS[:7])
    project.ok("run")
    assert [record["number"] for record in project.log() if record["verdict"] == "crash"] == [2, 3, 4, 5]
    assert len(project.log()) == 8


def test_guards_hold_for_what_is_kept_under_noise_too(project: Project) -> None:
    check = f"{sys.executable} -c \"assert 'IDEA_2 = True' not in open('ideas.py').read()\""
    a_night(project, effects=[0.0, 3.0, 3.0], guards=json.dumps([check]))
    project.ok("run")
    record = project.log()[2]
    assert record["verdict"] == "discard"
    assert record["reason"].startswith("guard ")
    assert kept(project) == {3}


@pytest.mark.parametrize("direction", ["lower", "higher"])
def test_ideas_that_all_change_the_same_line_race_the_incumbent(project: Project, direction: str) -> None:
    sign = "" if direction == "lower" else "-"
    project.write(
        "solve.py",
        "KNOB = 10\nimport os, random\n"
        "noise = random.Random(os.environ['OVERNIGHT_SEED'] + str(KNOB)).gauss(0, 1)\n"
        f"print('loss:', {sign}(abs(KNOB - 37) + noise))\n",
    )
    project.set(direction=direction)
    project.commit()
    project.ok("run")  # The agent sets the knob to 13, 16, 19 and so on: better until 37, then worse.
    best = project.git("show", f"overnight/{project.status()['session']}:solve.py").splitlines()[0]
    assert best in ("KNOB = 37", "KNOB = 34", "KNOB = 40")
    runs = json.loads(project.ok("show", "12", "--json"))["measurements"]
    seeds = {role: [run["seed"] for run in runs if run["role"] == role] for role in ("candidate", "incumbent")}
    both = min(len(each) for each in seeds.values())
    assert seeds["candidate"][:both] == seeds["incumbent"][:both]


def test_an_exact_metric_that_turns_noisy_is_noticed(project: Project, tmp_path: Path) -> None:
    noisy = tmp_path / "noisy"
    exact = RUN.replace("noise = ", f"noise = os.path.exists({str(noisy)!r}) * ")
    a_night(project, exact)
    project.ok("run", "--no-sandbox", "--experiments", "4")  # In its room, a run would not see the file.
    assert all(record["runs"] == 1 for record in project.log()[1:])
    assert kept(project) == {2, 4}
    noisy.write_text("")
    project.ok("run", "--experiments", "16")
    assert {9} <= kept(project)
    late = [record for record in project.log() if record["number"] > 4 and record["gain"] is not None]
    assert all(record["gain_low"] < record["gain_high"] for record in late)


def test_the_next_night_goes_on_from_what_is_known(project: Project) -> None:
    a_night(project)
    project.ok("run", "--experiments", "8")
    first = kept(project)
    project.ok("run", "--experiments", "16")
    assert first - kept(project) <= {4, 7, 1}  # What does next to nothing may go back; what is real stays.
    assert {2, 5, 9} <= kept(project)
    assert on_branch(project) == kept(project)


def test_verify_each_says_what_every_kept_change_adds(project: Project) -> None:
    a_night(project)
    project.ok("run")
    said = project.ok("verify", "--each", "--pairs", "3")
    assert "What each kept change adds" in said
    text = project.report()
    lines = {int(line.split()[1]): line for line in text.splitlines() if re.match(r"\| \d+ \|", line)}
    assert {2, 5, 9} <= lines.keys()
    for number, effect in ((2, 2.0), (5, 1.5), (9, 3.0)):
        found = re.search(r"adds (\S+)", lines[number])
        assert found is not None
        assert abs(float(found[1]) - effect) < 1.0
    assert lines.keys() == kept(project)


def test_verify_each_of_an_exact_metric_names_a_keep_that_another_made_useless(project: Project) -> None:
    # Idea 3 does all that idea 1 did, and more.
    a_night(project, RUN.replace("gauss(0, 0.3)", "gauss(0, 0)").replace("sum(", "sum(0 if n == 0 and 2 in held else "),
            [1.0, 2.0, 3.0])  # fmt: skip
    project.ok("run")
    assert kept(project) == {1, 2, 3}
    said = project.ok("verify", "--each")
    by_number = {line.split()[0]: line for line in said.splitlines() if " idea " in line and "adds" in line}
    assert "adds nothing that can be seen" in by_number["1"]
    assert "adds 2 " in by_number["2"]
    assert sum("verify_part" in line for line in project.ok("show", "3").splitlines()) == 4


def test_rates_are_judged_by_their_counts(project: Project) -> None:
    # 400 visitors a run: 8 % convert, with idea 2 three times as many, with idea 3 a third; the others do nothing.
    run = """import os, random, runpy
ideas = runpy.run_path("ideas.py")
rate = 0.08
for n in range(len(EFFECTS)):
    if ideas[f"IDEA_{n + 1}"]:
        rate *= EFFECTS[n]
visitors = random.Random(os.environ["OVERNIGHT_SEED"] + str(rate))
print(f"conversions: {sum(visitors.random() < rate for _ in range(400))}/400")
"""
    a_night(project, run, [1.0, 3.0, 0.3, 1.0, 1.0, 1.0, 1.0, 1.0], metric="conversions", direction="higher")
    project.ok("run")
    assert 2 in kept(project)
    assert 3 not in kept(project)
    two = project.log()[2]
    assert 0.05 < two["gain_low"] < 0.16 < two["gain_high"] < 0.25


def test_times_are_compared_as_factors(project: Project) -> None:
    loss, factor = "100 - sum(EFFECTS[n] for n in held) + noise", "noise / 2 - sum(EFFECTS[n] for n in held)"
    run = RUN.replace("loss:", "ms:").replace(loss, f"100 * 2.718 ** ({factor})")
    a_night(project, run, [0.0, 1.0, -0.5, 0.0, 1.0, 0.0, -1.0, 0.0], metric="ms")
    project.ok("run")
    assert {2, 5} <= kept(project)
    assert not {3, 7} & kept(project)
    records = {record["number"]: record for record in project.log()}
    # Each makes it faster by a factor of e: the second one saves fewer milliseconds than the first.
    assert records[5]["gain"] < 0.6 * records[2]["gain"]
    assert 8 < project.status()["best"] < 22


@pytest.mark.parametrize("sigma", [0, 0.3])
def test_simpler_is_kept_when_it_is_not_worse_than_the_margin(project: Project, sigma: float) -> None:
    project.write(
        "solve.py",
        "KNOB = 10\nA = 1\nB = 1\nC = 1\nimport os, random\n"
        f"noise = random.Random(os.environ['OVERNIGHT_SEED'] + str(globals().get('A'))).gauss(0, {sigma})\n"
        "lost = 0.01 * ('A' not in globals()) + 9 * ('B' not in globals())\nprint('loss:', 27 + lost + noise)\n",
    )
    project.write(
        "agent.sh",
        'n=$(sed -n "s/^# Experiment //p" | head -1)\n'
        'case $n in 1) what="A = 1";; 2) what="B = 1";; 3) what="C = 1";; *) what="KNOB = 10";; esac\n'
        'grep -v "^$what" solve.py > new; mv new solve.py\n',
    )
    project.set(prefer="simpler", margin="0.5", stop="{experiments: 4}")
    project.commit()
    project.ok("run")
    records = project.log()
    assert kept(project) == {1, 3, 4}, records
    assert "simpler" in records[1]["reason"]
    assert records[2]["verdict"] == "discard"
