"""Where the documentation's commands are run: folders of real projects, each made once, when it is first wanted."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from overnight.cli.main import app
from tests.checkout import Checkout
from tests.docs.blocks import ROOT
from tests.system.conftest import AGENT, GOAL, OVERNIGHT, SOLVE, Project
from tests.system.test_live import BETTER, a_world

EXPERIMENTS = 3
FOREIGN = ROOT / "tests" / "goal" / "fixtures" / "foreign" / "openevolve"


@dataclass
class Places:
    """The folders, and what runs in them."""

    top: Path
    monkeypatch: pytest.MonkeyPatch
    _made: dict[str, Project] = field(default_factory=dict)
    _done: dict[tuple[Path, str], str] = field(default_factory=dict)

    def fresh(self, name: str = "fresh") -> Project:
        """A committed project that nothing was run in."""
        folder = self.top / f"{name}-{len(list(self.top.iterdir()))}"
        folder.mkdir()
        project = Project(folder)
        project.write("solve.py", SOLVE)
        project.write("train.py", "LR = 0.5\nprint('loss:', LR)\n")
        project.write("agent.sh", AGENT)
        project.write("goal.md", GOAL.replace("PYTHON", sys.executable).replace("12", str(EXPERIMENTS)))
        project.git("init", "-q", "-b", "main")
        project.commit("start")
        return project

    def finished(self) -> Project:
        """One whose session has come to its end."""
        if "finished" not in self._made:
            self._made["finished"] = project = self.fresh("finished")
            self.overnight(project, "run", "--plain")
        return self._made["finished"]

    def live(self) -> Project:
        """One where people decide, by themselves and quickly."""
        if "live" not in self._made:
            self._made["live"] = project = self.fresh("live")
            a_world(project, BETTER, window="10s")
        return self._made["live"]

    def foreign(self) -> Checkout:
        """A folder with an OpenEvolve example in `path/to/the/problem`."""
        top = Checkout(self.top / f"foreign-{len(list(self.top.iterdir()))}")
        shutil.copytree(FOREIGN, top.folder / "path" / "to" / "the" / "problem")
        top.git("init", "-q", "-b", "main")
        top.commit("theirs")
        return top

    def overnight(self, project: Checkout, *arguments: str, says: str = "") -> str:
        """What a command prints that must succeed; within this process."""
        with self.monkeypatch.context() as here:
            here.chdir(project.folder)
            here.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")  # It has a `python`.
            done = CliRunner().invoke(app, arguments, input=says, catch_exceptions=False)
        assert done.exit_code == 0, f"overnight {' '.join(arguments)}\n{done.output}"
        return done.output

    def once(self, project: Checkout, *arguments: str) -> str:
        """The same, once for each folder: many pages say the same commands."""
        key = (project.folder, " ".join(arguments))
        if key not in self._done:
            self._done[key] = self.overnight(project, *arguments)
        return self._done[key]

    @contextmanager
    def started(self, project: Project, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """A command that goes on until it is ended, and the address that it prints."""
        process = project.start(*arguments)
        assert process.stdout is not None
        said = ""
        try:
            for line in process.stdout:
                said += line
                if found := re.search(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", line):
                    yield process, found[0]
                    return
            raise AssertionError(said)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=60)[0] is not None
            assert process.returncode in (0, 130)


def shell(folder: Path, script: str, **env: str) -> str:
    """What a script prints that must succeed, with `overnight` and `python` being the ones that are tested.

    `overnight` is put beside `folder`, which has to be one that a test has made.
    """
    with_it = folder.parent / "bin"
    with_it.mkdir(exist_ok=True)
    (with_it / "overnight").write_text(f'#!/bin/sh\nexec {" ".join(OVERNIGHT)} "$@"\n')
    (with_it / "overnight").chmod(0o755)
    path = os.pathsep.join([str(with_it), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}"
    return done.stdout
