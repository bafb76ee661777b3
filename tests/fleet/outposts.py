"""What the tests of outposts, Ray and Slurm have in common: a project, and what a session would have of it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from overnight.fleet.fleets import Fleet, open_fleet
from overnight.fleet.slot import Version
from overnight.goal.settings import Settings
from overnight.repo.git import Repository
from overnight.runs.sandbox import NoSandbox, Sandbox
from tests.checkout import Checkout

PROGRAM = "import os\nprint('loss:', 3)\nprint('seed:', os.environ['OVERNIGHT_SEED'])\n"
PATIENCE_SECONDS = 120.0


def eventually(is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so; machines are busy."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def at_work(cache: Path) -> list[psutil.Process]:
    """The processes that are at home in a cache."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(cache):
                found.append(process)
    return found


@dataclass
class Away:
    """A user's project, with the folders that a session of it has."""

    project: Checkout
    stop: bool = False

    @classmethod
    def begin(cls, folder: Path) -> Away:
        """A project with one program that prints its metric."""
        made = Checkout(folder)
        made.write("solve.py", PROGRAM)
        made.write(".gitignore", ".overnight\n")
        made.git("init", "-q")
        made.commit()
        return cls(made)

    @property
    def repository(self) -> Repository:
        """The user's."""
        return Repository.find(self.project.folder)

    @property
    def base(self) -> Version:
        """What is checked out."""
        return Version(self.repository.head(), "base")

    @property
    def logs(self) -> Path:
        """Where the session has what runs print."""
        return self.project.folder / ".overnight" / "sessions" / "s" / "logs"

    def candidate(self, program: str) -> Version:
        """A commit on top of the base that no branch points at."""
        return Version(
            self.repository.commit_files(self.base.commit, {"solve.py": program.encode()}, "try"), "candidate"
        )

    def settings(self, **changes: Any) -> Settings:
        """The goal's."""
        usual = {"edit": "solve.py", "run": f"{sys.executable} solve.py", "metric": "loss", "budget": 60}
        return Settings.model_validate({**usual, **changes})

    def open(self, sandbox: Sandbox | None = None, *, slots: Any = 1, machine_type: str = "", **changes: Any) -> Fleet:
        """The fleet that these settings ask for."""
        return open_fleet(
            self.repository,
            self.settings(slots=slots, **changes),
            self.base.commit,
            session="s",
            work=self.project.folder / ".overnight" / "work",
            logs=self.logs,
            sandbox=sandbox or NoSandbox(),
            should_stop=lambda: self.stop,
            machine_type=machine_type,
        )
