"""`compare`: one frozen command measures two versions side by side."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.system.conftest import Project
from tests.system.test_noise import AGENT, kept, on_branch

EFFECTS = [0.0, 2.0, -1.0, 0.0, 1.5, -2.0, 0.0, 0.0, 3.0, -3.0]

# The machine is of another mood with each seed, but of the same one for both versions. All chance comes from the seed:
# where it did not, one night in forty lay outside of a 95 % interval, as it must.
MOODY = """import os, random, runpy
seed = os.environ["OVERNIGHT_SEED"]
mood = random.Random("mood" + seed).gauss(0, 50)
for side in ("incumbent", "candidate"):
    ideas = runpy.run_path(os.path.join(os.environ[f"OVERNIGHT_{side.upper()}"], "ideas.py"))
    truth = sum(effect for n, effect in enumerate(EFFECTS) if ideas[f"IDEA_{n + 1}"])
    print(f"{side}.loss:", 1000 - truth + mood + NOISE * random.Random(seed + side + str(truth)).gauss(0, 1))
print("candidate.memory: 7")
"""

# Sixty people say which of two versions they like better; some see no difference.
PEOPLE = """import math, os, random, runpy
strengths = {}
for side in ("incumbent", "candidate"):
    ideas = runpy.run_path(os.path.join(os.environ[f"OVERNIGHT_{side.upper()}"], "ideas.py"))
    strengths[side] = sum(effect for n, effect in enumerate(EFFECTS) if ideas[f"IDEA_{n + 1}"]) / 2
people = random.Random(os.environ["OVERNIGHT_SEED"] + str(strengths))
votes = {"incumbent": 0, "candidate": 0, "tie": 0}
for _ in range(60):
    liked = people.random() < 1 / (1 + math.exp(strengths["incumbent"] - strengths["candidate"]))
    votes["tie" if people.random() < 0.1 else "candidate" if liked else "incumbent"] += 1
print(f"incumbent.wins: {votes['incumbent']}")
print(f"candidate.wins: {votes['candidate']}")
print(f"ties: {votes['tie']}")
"""

# Two landing pages, each shown to 2000 visitors.
VISITORS = """import os, random, runpy
for side in ("incumbent", "candidate"):
    ideas = runpy.run_path(os.path.join(os.environ[f"OVERNIGHT_{side.upper()}"], "ideas.py"))
    rate = 0.2 + sum(effect for n, effect in enumerate(EFFECTS) if ideas[f"IDEA_{n + 1}"]) / 40
    visitors = random.Random(os.environ["OVERNIGHT_SEED"] + side + str(rate))
    print(f"{side}.conversions: {sum(visitors.random() < rate for _ in range(2000))}/2000")
"""


def a_night(project: Project, compare: str, metric: str, direction: str) -> None:
    project.write("compare.py", f"EFFECTS = {EFFECTS}\n{compare}")
    project.write("agent.py", AGENT)
    project.write("ideas.py", "".join(f"IDEA_{number + 1} = False\n" for number in range(len(EFFECTS))))
    python = sys.executable
    project.set(
        edit="ideas.py",
        run="",
        compare=f"{python} compare.py",
        agent=f"{python} agent.py",
        metric=metric,
        direction=direction,
        stop=f"{{experiments: {len(EFFECTS)}}}",
    )
    project.commit()


def test_a_common_mood_of_the_machine_cancels(project: Project) -> None:
    a_night(project, MOODY.replace("NOISE", "0.2"), "loss", "lower")
    said = project.ok("check")
    assert "beside" in said
    project.ok("run")
    assert {2, 5, 9} <= kept(project) <= {1, 2, 4, 5, 7, 8, 9}
    assert on_branch(project) == kept(project)
    nine = project.log()[9]
    assert 1.0 < nine["gain_low"] < 3.0 < nine["gain_high"] < 5.0
    assert 4.5 < project.status()["baseline"] - project.status()["best"] < 8.5
    verified = project.ok("verify", "--each", "--pairs", "4")
    assert "0.6" in verified  # 6.5 of 1000 is 0.65 %.
    assert (
        " adds 3" in next(line for line in verified.splitlines() if line.split()[:1] == ["9"]) or "adds 2." in verified
    )


def test_a_comparison_without_noise_takes_one_run_an_experiment(project: Project) -> None:
    a_night(project, MOODY.replace("NOISE", "0").replace("gauss(0, 50)", "gauss(0, 0)"), "loss", "lower")
    project.ok("run")
    assert kept(project) == {2, 5, 9}
    assert [record["runs"] for record in project.log()[1:]] == [1] * len(EFFECTS)
    assert project.status()["best"] == 1000 - 6.5


def test_equal_versions_that_are_always_alike_do_not_make_it_exact(project: Project) -> None:
    # Both sides see the same sample, so that equal versions never differ; others do, by chance alone.
    sample = MOODY.replace("seed + side + str(truth)", "seed + str(truth)").replace("gauss(0, 50)", "gauss(0, 0)")
    sample = sample.replace("NOISE * ", "")
    a_night(project, sample, "loss", "lower")
    assert "noisy" in project.ok("check")
    project.ok("run")
    assert not {3, 6, 10} & kept(project)
    assert all(record["gain_low"] < record["gain_high"] for record in project.log()[1:])


def test_preferences_are_kept_by_wins_and_losses(project: Project) -> None:
    a_night(project, PEOPLE, "wins", "higher")
    project.ok("run")
    assert {2, 9} <= kept(project)
    assert not {3, 6, 10} & kept(project)
    assert project.status()["baseline"] == 0.5
    assert 0.7 < project.status()["best"] < 1  # So many would prefer the best to the baseline.
    assert "better" in project.ok("verify", "--pairs", "3")


def test_two_rates_side_by_side_are_judged_by_their_counts(project: Project) -> None:
    a_night(project, VISITORS, "conversions", "higher")
    project.ok("run")
    assert {2, 9} <= kept(project)
    assert not {6, 10} & kept(project)
    assert on_branch(project) == kept(project)


def test_the_comparison_is_frozen_and_reads_numbers_of_either_side(project: Project) -> None:
    a_night(project, MOODY.replace("NOISE", "0.2"), "loss", "lower")
    project.write("agent.py", "open('compare.py', 'a').write('print(\"candidate.loss: 0\")')\n")
    project.set(guards='["memory < 8"]')
    project.commit()
    project.ok("run", "--experiments", "1")
    assert project.log()[1]["verdict"] == "invalid"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (
            {"run": "python solve.py", "compare": "python c.py"},
            "`run`: `compare` measures by itself; take this line away",
        ),
        ({"run": "", "compare": "python c.py", "score": "python s.py"}, "`score`: `compare` measures by itself"),
        ({"run": ""}, "`run` is missing"),
        ({"run": "", "compare": "python c.py", "metric": "wins"}, "write `direction: higher`"),
    ],
)
def test_mistakes_are_named(project: Project, settings: dict[str, str], says: str) -> None:
    project.set(**settings)
    assert says in project.refused("check")


def test_a_comparison_that_prints_one_side_only_is_told_what_to_print(project: Project) -> None:
    Path(project.folder / "c.py").write_text("print('candidate.loss: 3')\n")
    project.set(run="", compare=f"{sys.executable} c.py")
    project.commit()
    said = project.refused("check")
    assert "`incumbent.loss` was never printed" in said
    assert "print lines `candidate.loss: NUMBER` and `incumbent.loss: NUMBER`" in said
