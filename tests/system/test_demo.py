"""`overnight demo`, as a new user runs it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from overnight.goal.document import Goal
from tests.checkout import Checkout
from tests.system.conftest import OVERNIGHT


def demo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*OVERNIGHT, "demo", "my-demo", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def test_it_copies_the_example_runs_it_shows_the_chart_and_goes_on(tmp_path: Path) -> None:
    around = Checkout(tmp_path)  # as `make demo` does it: in a folder that another repository ignores
    around.write(".gitignore", "my-demo/\n")
    around.git("init", "-q")
    head = around.commit()
    done = demo(tmp_path, "--experiments", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "val_bpc (lower is better)" in done.stdout
    for line in done.stdout.splitlines()[-2:]:
        assert Path(line.split(maxsplit=1)[1]).is_file()
    project = tmp_path / "my-demo"
    assert {"goal.md", "train.py", "score.py", "prepare.py"} <= {entry.name for entry in project.iterdir()}
    git = ["git", "status", "--porcelain"]
    assert subprocess.run(git, cwd=project, capture_output=True, text=True, check=True).stdout == ""
    settings = Goal.read(project / "goal.md").settings
    assert settings.run == f"{shlex.quote(sys.executable)} train.py"
    assert settings.verify == f"{shlex.quote(sys.executable)} score.py --split held_out"
    assert around.git("rev-parse", "HEAD").strip() == head
    again = demo(tmp_path, "--experiments", "1")
    assert again.returncode == 0
    assert "is finished: all 1 experiments are done" in again.stdout


def test_it_does_not_write_into_a_folder_that_holds_something_else(tmp_path: Path) -> None:
    (tmp_path / "my-demo").mkdir()
    (tmp_path / "my-demo" / "thesis.tex").write_text("mine")
    done = demo(tmp_path)
    assert done.returncode == 2
    assert "is not empty; name a folder that does not exist yet" in done.stdout + done.stderr
    assert [entry.name for entry in (tmp_path / "my-demo").iterdir()] == ["thesis.tex"]
