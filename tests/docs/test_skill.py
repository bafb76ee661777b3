"""An assistant that does what the skill says, word for word, gets a night going."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.checkout import Checkout
from tests.docs.blocks import SKILL, blocks_of, inline_of
from tests.docs.places import Places, shell
from tests.system.test_steering import until

PREDICT = """import json, os, pathlib
CUT = 2
rows = json.loads(pathlib.Path("rows.json").read_text())
made = pathlib.Path(os.environ["OVERNIGHT_ARTIFACTS"]) / "predictions.json"
made.write_text(json.dumps([row > CUT for row in rows]))
"""
# In the order in which the skill names them; `apply` is only for a user who asks for it.
STEPS = (
    "overnight --version",
    "overnight check --init",
    "overnight check --slots auto",
    "overnight run --experiments 3 --plain",
    "overnight log",
    "overnight show 1",
    "nohup overnight run --plain >/dev/null 2>&1 &",
    "overnight status",
    "overnight verify",
    "overnight report",
    "overnight apply --split",
    "overnight apply",
)


@pytest.fixture
def project(tmp_path: Path) -> Checkout:
    """A classifier with one threshold, no goal, and no repository."""
    folder = Checkout(tmp_path / "project")
    folder.write("predict.py", PREDICT)
    folder.write("rows.json", json.dumps([number * 0.7 % 20 for number in range(100)]))
    folder.write("labels.json", json.dumps([number * 0.7 % 20 > 9 for number in range(100)]))
    return folder


def test_step_by_step(project: Checkout) -> None:
    score, goal = (next(block.text for block in blocks_of(SKILL) if block.kind == kind) for kind in ("python", "goal"))
    project.write("score.py", score)
    project.write("goal.md", goal)
    said = dict.fromkeys(STEPS, "")
    places = Places(project.folder.parent, pytest.MonkeyPatch())
    for step in STEPS:
        if step.startswith("nohup"):
            shell(project.folder, f"({step})")
            until(lambda: "finished (every change" in places.overnight(project, "status"), "it did not go on")
        else:
            said[step] = places.overnight(project, *step.split()[1:])
    assert "measured by   `python score.py`, which no change can touch" in said["overnight check --init"]
    assert "noise         exact" in said["overnight check --init"]
    assert "self-reported" not in said["overnight check --init"]
    verdicts = [line.split()[1] for line in said["overnight log"].splitlines()]
    assert verdicts[0] == "baseline"
    assert len(verdicts) == 4
    assert "raise CUT" in said["overnight show 1"]
    assert "Verified " in said["overnight verify"]
    assert "CUT = 2" not in (project.folder / "predict.py").read_text()


def test_the_steps_are_those_of_the_skill() -> None:
    named = [text for _, text in inline_of(SKILL)]
    for step in STEPS:
        assert step in named or step.replace(" 1", " N") in named, step
    commands = {text for text in named if re.match(r"(?:nohup )?overnight \w", text)}
    others = {"overnight check", "overnight run", "overnight stop", "overnight watch"}  # In docs/ too.
    assert commands - others - set(STEPS) <= {"overnight show N", "overnight COMMAND --help", "overnight init --agents"}
