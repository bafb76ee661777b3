"""What a user is told about how far the numbers can be trusted, and what makes the program doubt them itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from overnight.loop.seeds import seeds_for
from overnight.runs import sandbox as sandboxes
from tests.system.conftest import Project

KEY = "sk-ant-" + "api03-AbCdEfGhIjKlMnOpQrStUv"
# The scorer reads what the run wrote, beside labels that only it may see.
SCORE = """import json, os, pathlib
answer = float(pathlib.Path(os.environ["OVERNIGHT_ARTIFACTS"], "answer").read_text())
print("loss:", abs(answer - json.loads(pathlib.Path("labels/truth.json").read_text())))
"""
SOLVE = """import os, pathlib
KNOB = 10
pathlib.Path(os.environ["OVERNIGHT_ARTIFACTS"], "answer").write_text(str(KNOB))
"""


@pytest.fixture
def scored(project: Project) -> Project:
    """A project whose metric is printed by a frozen scorer, which alone sees the labels."""
    project.write("solve.py", SOLVE)
    project.write("score.py", SCORE)
    project.write("labels/truth.json", "37")
    project.write(
        "agent.sh",
        "n=$(sed -n 's/^# Experiment //p' | head -1)\nsed -i \"s/^KNOB = .*/KNOB = $((10 + n))/\" solve.py\n",
    )
    project.set(score=f"{sys.executable} score.py", hidden="labels")
    project.commit()
    return project


def agent_writes(project: Project, solve: str) -> None:
    """From now on the agent answers with this."""
    project.write("answer.py", solve)
    project.write("agent.sh", "cat answer.py > solve.py\n")
    project.commit()


def test_who_measured_is_said(project: Project) -> None:
    assert "self-reported: the run prints its own metric" in project.ok("check")
    project.ok("run", "--experiments", "1")
    assert "self-reported" in project.ok("status")
    assert project.status()["self_reported"] is True
    assert "self-reported" in project.report()


def test_a_frozen_scorer_vouches(scored: Project) -> None:
    assert "`" + f"{sys.executable} score.py`, which no change can touch" in scored.ok("check")
    scored.ok("run", "--experiments", "2")
    assert [record["verdict"] for record in scored.log()] == ["baseline", "keep", "keep"]
    assert "measured by a frozen program, in a sandbox" in scored.ok("status")


def test_labels_are_not_there_for_the_run(scored: Project) -> None:
    agent_writes(scored, SOLVE.replace("str(KNOB)", "pathlib.Path('labels/truth.json').read_text()"))
    scored.ok("run", "--experiments", "1")
    record = scored.log()[1]
    assert record["verdict"] == "crash", record
    scored.ok("run", "--new", "--no-sandbox", "--experiments", "1")
    # Nothing keeps it from them now, but what is too good is measured again and shown to a person.
    assert "it mentions labels" in scored.log()[1]["flags"]
    assert "as good as it can be" in scored.ok("show", "1")
    assert "What wants a human eye" in scored.report()


def test_a_lucky_find_that_does_not_repeat_is_not_kept(project: Project) -> None:
    # On the seeds of the first experiment it prints nothing lost; the second look is on others.
    seeds = [str(seed) for seed in seeds_for(0, 1)]
    lucky = f"0 if KNOB == 11 and os.environ['OVERNIGHT_SEED'] in {seeds} else 27"
    project.write("solve.py", f"KNOB = 10\nimport os\nprint('loss:', {lucky})\n")
    project.write("agent.sh", "sed -i 's/^KNOB = .*/KNOB = 11/' solve.py\n")
    project.commit()
    project.ok("run", "--experiments", "1")
    record = project.log()[1]
    assert record["verdict"] == "discard"
    assert record["reason"].startswith(
        "suspicious, since loss is 0, as good as it can be; on fresh seeds it is not better"
    )


def test_data_that_changes_during_the_night_ends_it(project: Project, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "rows.csv").write_text("1,2\n")
    project.set(read=str(data))
    project.commit()
    project.ok("run", "--experiments", "2")
    (data / "rows.csv").write_text("1,3\n")
    said = project.refused("run", "--experiments", "4")
    assert f"the data {data} is not what it was when the session began" in said
    assert len(project.log()) == 3
    (data / "rows.csv").write_text("1,2\n")
    project.ok("run", "--experiments", "4")
    assert len(project.log()) == 5


def test_keys_reach_neither_ledger_nor_logs_nor_commits(project: Project) -> None:
    project.write("agent.sh", f'echo "my key is {KEY}"; echo "hypothesis: use {KEY}"; echo "# {KEY}" >> solve.py\n')
    project.set(agent_env="MY_SERVICE_TOKEN")
    project.commit()
    project.overnight("run", "--experiments", "1", MY_SERVICE_TOKEN="correct-horse-battery")
    record = project.log()[1]
    assert record["verdict"] == "invalid"
    assert "looks like a key" in record["reason"]
    project.write(
        "agent.sh", 'echo "$MY_SERVICE_TOKEN"; echo "hypothesis: use $MY_SERVICE_TOKEN"; echo "#" >> solve.py\n'
    )
    project.commit()
    project.overnight("run", "--new", "--experiments", "1", MY_SERVICE_TOKEN="correct-horse-battery")
    assert project.log()[1]["hypothesis"] == "use [redacted]"
    state = project.folder / ".overnight"
    for path in state.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert KEY.encode() not in content, path
            assert b"correct-horse" not in content, path
    assert all(path.stat().st_mode & 0o077 == 0 for path in state.rglob("*.log"))
    assert "correct-horse" not in project.git("log", "--all", "-p")


def test_without_a_sandbox_it_wants_to_be_told_once(project: Project, tmp_path: Path) -> None:
    # A PATH without bwrap: the machine has no sandbox.
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("sh", "git", "sed", "head", "tail", "mv"):
        found = next(Path(folder, name) for folder in os.environ["PATH"].split(":") if Path(folder, name).exists())
        (tools / name).symlink_to(found)
    path = str(tools)
    refused = project.overnight("run", PATH=path)
    assert refused.returncode == 2
    assert sandboxes.NOT_PROTECTED in refused.stderr
    assert "`overnight run --no-sandbox`" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert project.overnight("run", "--no-sandbox", "--experiments", "1", PATH=path).returncode == 0
    assert project.overnight("run", "--experiments", "2", PATH=path).returncode == 0
    assert len(project.log()) == 3
    assert "without a sandbox" in project.ok("status")
    assert "there is no sandbox on this machine" in project.overnight("check", PATH=path).stdout


def test_a_session_keeps_the_sandbox_it_began_with(project: Project) -> None:
    project.ok("run", "--experiments", "1")
    assert "start afresh with --new" in project.refused("run", "--no-sandbox", "--experiments", "2")


@pytest.mark.parametrize(
    ("program", "hint"),
    [
        ("open('model.bin', 'w')", "Runs may write only to the folder OVERNIGHT_ARTIFACTS"),
        ("import urllib.request; urllib.request.urlopen('http://example.invalid/')", "`run_network: true`"),
        ("open(OUTSIDE)", "let them read it by `read: "),
    ],
)
def test_a_run_that_lacks_something_in_its_room_is_told_what(
    project: Project, tmp_path: Path, program: str, hint: str
) -> None:
    (tmp_path / "rows.csv").write_text("1")
    project.write("solve.py", program.replace("OUTSIDE", repr(str(tmp_path / "rows.csv"))) + "\n")
    project.commit()
    assert hint in project.refused("check")


def test_a_scorer_without_a_network_is_told_how_it_gets_one(project: Project) -> None:
    project.write("score.py", "import urllib.request\nurllib.request.urlopen('http://example.invalid/')\n")
    project.set(score=f"{sys.executable} score.py")
    project.commit()
    assert "unless goal.md says `score_network: true`" in project.refused("check")
