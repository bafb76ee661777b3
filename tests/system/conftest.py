"""The product as its users meet it: the real command line on real projects."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import overnight
from overnight.cli.main import app
from overnight.errors import OvernightError
from tests import commandline
from tests.checkout import Checkout

OVERNIGHT = [sys.executable, "-m", "overnight.cli.main"]

# A problem that takes no time: the best knob is 37, and every candidate is exact.
SOLVE = 'KNOB = 10\nprint("loss:", abs(KNOB - 37))\n'
# An agent of three lines: experiment N sets the knob to 10 + 3 N.
AGENT = 'n=$(sed -n "s/^# Experiment //p" | head -1)\necho "KNOB = $((10 + 3 * n))" > new\n' + (
    'tail -n +2 solve.py >> new && mv new solve.py\necho "hypothesis: set the knob to $((10 + 3 * n))"\n'
)
GOAL = """---
edit: solve.py
run: PYTHON solve.py
metric: loss
budget: 20s
agent: sh agent.sh
ahead: 0
stop: {experiments: 12}
---
Make the loss small.
"""


@dataclass(frozen=True)
class Project(Checkout):
    """A folder of the user's, with a goal and a repository in it."""

    def set(self, **settings: str) -> None:
        """Change settings in goal.md; an empty value takes the line away, a new key is added."""
        lines = (self.folder / "goal.md").read_text().splitlines()
        for key, value in settings.items():
            at = next((n for n, line in enumerate(lines) if line.startswith(f"{key}:")), None)
            lines[at if at is not None else 1 : at + 1 if at is not None else 1] = [f"{key}: {value}"] if value else []
        self.write("goal.md", "\n".join(lines) + "\n")

    def overnight(self, *arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        """Run the command line to its end."""
        return commandline.run(arguments, self.folder, stdin=stdin, env={**os.environ, **env}, seconds=120)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command line and go on."""
        return subprocess.Popen(
            [*OVERNIGHT, *arguments], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def ok(self, *arguments: str) -> str:
        """What a command prints that must succeed."""
        done = self.overnight(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def refused(self, *arguments: str, stdin: str = "") -> str:
        """What a command says that must end with a sentence and exit code 2."""
        done = self.overnight(*arguments, stdin=stdin)
        said = done.stdout + done.stderr
        assert done.returncode == 2, said
        assert str(Path(overnight.__file__).parent) not in said, "a traceback of ours"
        return said

    def log(self) -> list[dict[str, Any]]:
        """The history."""
        return [json.loads(line) for line in self._read("log").splitlines()]

    def report(self) -> str:
        """The report, as Markdown."""
        _, markdown, _ = self.ok("report").splitlines()
        return Path(markdown).read_text()

    def status(self) -> dict[str, Any]:
        """The state."""
        return dict(json.loads(self._read("status")))

    def _read(self, command: str) -> str:
        """What a command that only reads says to programs: within this process, since tests ask again and again."""
        try:
            done = CliRunner().invoke(app, [command, "--json", str(self.folder)], catch_exceptions=False)
        except OvernightError as error:
            raise AssertionError(str(error)) from error
        assert done.exit_code == 0, done.output
        return done.stdout


@pytest.fixture
def bare(tmp_path: Path) -> Project:
    """A folder with a goal, but without a repository."""
    folder = tmp_path / "project"
    folder.mkdir()
    project = Project(folder)
    project.write("solve.py", SOLVE)
    project.write("agent.sh", AGENT)
    project.write("goal.md", GOAL.replace("PYTHON", sys.executable))
    return project


@pytest.fixture
def project(bare: Project) -> Project:
    """The same, committed."""
    bare.git("init", "-q", "-b", "main")
    bare.commit("start")
    return bare


Install = Callable[[dict[str, str]], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package of these files, its pyproject.toml among them: what pip leaves of it."""
    site, modules = tmp_path / "site", list[str]()

    def do(files: dict[str, str]) -> None:
        info = site / "parts-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parts\nVersion: 1.0\n")
        groups = tomllib.loads(files["pyproject.toml"])["project"]["entry-points"]
        lines = [f"[{group}]\n{name} = {place}\n" for group, named in groups.items() for name, place in named.items()]
        (info / "entry_points.txt").write_text("".join(lines))
        for name, text in files.items():
            (site / name).write_text(text)
            modules.append(name.removesuffix(".py"))
        monkeypatch.syspath_prepend(site)
        monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)  # For the command line.

    yield do
    for name in modules:
        sys.modules.pop(name, None)
