"""Other people's problems: read by `init --from`, not changed, and run."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from overnight import Goal, Session
from overnight.ledger.records import Judged
from overnight.loop.checkup import Checkup, check_goal
from overnight.loop.reading import open_history
from overnight.runs.sandbox import find_sandbox
from tests.checkout import Checkout
from tests.cli.test_init import overnight_init

FIXTURES = Path(__file__).parents[1] / "goal" / "fixtures" / "foreign"

# An agent that first changes what lies outside the block, and then, when it was told of that, what lies inside.
AGENT = """if grep -q "it changed line 15 of initial.py" "$OVERNIGHT_BRIEF"
then sed 's/^WEIGHT_POWER.*/WEIGHT_POWER = 0.5/' initial.py > new
else sed 's/left = \\[\\], capacity/left = [], 2 * capacity/' initial.py > new
fi
mv new initial.py
"""


@pytest.fixture(autouse=True)
def _this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python` is the one that runs the tests, wherever that is."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


def problem(tmp_path: Path, name: str) -> Checkout:
    """A committed copy of a fixture."""
    folder = tmp_path / name
    shutil.copytree(FIXTURES / name, folder)
    checkout = Checkout(folder)
    checkout.git("init", "-q", "-b", "main")
    checkout.commit("theirs")
    return checkout


def night_of(folder: Path, experiments: int) -> list[Judged]:
    """What a short session says about the baseline and each experiment."""
    session = Session(folder / "goal.md", experiments=experiments, seed=1, sandbox=find_sandbox() is not None)
    for _ in session.run():
        pass
    with open_history(folder, None) as (history, _):
        return list(history.judged_after(-1))


@pytest.mark.parametrize(
    ("name", "flags", "baseline"),
    [
        ("openevolve", [], 0.0815),
        ("shinka", [], 342),
        ("autoresearch", [], 1.0),
        ("pi", [], 4460),
        ("script", ["--edit", "table.awk"], 130),
    ],
)
def test_a_problem_in_each_format_runs_as_it_is(tmp_path: Path, name: str, flags: list[str], baseline: float) -> None:
    theirs = problem(tmp_path, name)
    code, said = overnight_init("--from", str(theirs.folder), "--yes", *flags)
    assert code == 0, said
    assert theirs.git("status", "--short") == "?? goal.md\n", "nothing of theirs is touched"
    first, *others = night_of(theirs.folder, 3)
    assert first.metric == pytest.approx(baseline, rel=1e-2)
    assert [judged.number for judged in others] == [1, 2, 3]
    assert {judged.verdict for judged in others} <= {"keep", "discard"}
    best = [judged.metric for judged in others if judged.verdict == "keep"]
    assert best, "three tries find something in each"
    assert best[-1] is not None
    assert (best[-1] > baseline) == (Goal.read(theirs.folder / "goal.md").settings.direction == "higher")
    assert theirs.git("status", "--short") == "?? goal.md\n"


def test_the_script_that_measures_is_not_offered_to_be_changed(tmp_path: Path) -> None:
    theirs = problem(tmp_path, "script")
    code, said = overnight_init("--from", str(theirs.folder), "--yes")
    assert code == 2
    assert "--edit" in said


def test_what_lies_outside_the_blocks_is_refused_and_the_agent_told(tmp_path: Path) -> None:
    theirs = problem(tmp_path, "shinka")
    theirs.write("agent.sh", AGENT)
    theirs.commit("an agent")
    overnight_init("--from", str(theirs.folder), "--yes", "--agent", "sh agent.sh")
    _, outside, inside = night_of(theirs.folder, 2)
    assert (outside.verdict, inside.verdict) == ("invalid", "keep")
    assert "only what is between EVOLVE-BLOCK-START and EVOLVE-BLOCK-END may be changed" in outside.reason


def test_check_says_what_may_change_and_how_long_an_evaluation_takes(tmp_path: Path) -> None:
    theirs = problem(tmp_path, "shinka")
    overnight_init("--from", str(theirs.folder), "--yes")
    *_, found = check_goal(Goal.read(theirs.folder / "goal.md"), lambda: False)
    assert isinstance(found, Checkup)
    assert found.may_change == ("initial.py (inside its EVOLVE-BLOCKs)",)
    assert found.other_numbers == {"least_worth": 325}, "what is private stays so"
    assert found.run_seconds > max(run.wall_seconds for run in found.runs), "the evaluation is most of it"
    assert any("runs the program in its own process" in advice for advice in found.advice)
