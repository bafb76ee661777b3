"""`overnight run` started as a process of its own, as a person would start it: it outlives whoever has started it."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from overnight.errors import OvernightError
from overnight.loop.state import State

_LAUNCH = """import subprocess, sys
with open(sys.argv[1], "ab") as log:
    quiet = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
    print(subprocess.Popen(sys.argv[2:], start_new_session=True, **quiet).pid)
"""
"""In a process in between, which ends at once: clients may end all descendants of a server, and this shall be none."""
_LONGEST_TAIL = 4000


@dataclass(frozen=True)
class Started:
    """The process, as it is known to one that is not its parent."""

    pid: int
    since: float
    """When it was started: Unix time, seconds."""
    log: Path
    """What it prints."""

    def is_alive(self) -> bool:
        """Whether it is still there."""
        try:
            process = psutil.Process(self.pid)
            return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= self.since + 1
        except psutil.Error:
            return False

    def said(self) -> str:
        """The end of what it has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-_LONGEST_TAIL:].strip()


def start_run(goal: Path, arguments: list[str]) -> Started:
    """Start `overnight run` on a goal file. Raises OvernightError where that is not possible."""
    state = State.of(goal.parent)
    state.create()
    log = state.folder / "run.log"
    command = [sys.executable, "-P", "-m", "overnight.cli.main", "run", str(goal), "--plain", *arguments]
    log.write_bytes(b"")  # Appended to from here on: two who start at once are in nobody's way.
    launch = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(log), *command]
    try:
        done = subprocess.run(
            launch, cwd=goal.parent, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
        )
    except subprocess.CalledProcessError as error:
        raise OvernightError(f"`overnight run` cannot be started: {error.stderr.strip()[-500:]}") from None
    return Started(int(done.stdout), time.time(), log)
