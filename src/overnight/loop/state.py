"""The folder `.overnight/` beside goal.md: the ledger, the outputs, the private copies, and who is at work."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from overnight.errors import OvernightError, SessionError

_STOP_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Holder:
    """The process that is running a session."""

    pid: int
    since: float
    """Unix time, seconds."""

    def __str__(self) -> str:
        return f"process {self.pid}, since {datetime.fromtimestamp(self.since):%H:%M}"


@dataclass(frozen=True)
class State:
    """The paths in `.overnight/`, and the lock on it."""

    folder: Path

    @classmethod
    def of(cls, project: Path) -> State:
        """The state of the project in `project` (goal.md's folder), which may not exist yet."""
        return cls(project / ".overnight")

    @property
    def ledger_path(self) -> Path:
        """The ledger's file."""
        return self.folder / "ledger.db"

    def logs(self, session: str) -> Path:
        """Where a session's outputs are."""
        return self.folder / "sessions" / session / "logs"

    def session_folder(self, session: str) -> Path:
        """Where a session's report is."""
        return self.folder / "sessions" / session

    @property
    def work(self) -> Path:
        """Where the private copies are while somebody works."""
        return self.folder / "work"

    def create(self) -> None:
        """Make the folder, ignored by git through a file of its own. Raises OvernightError if that cannot be."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            ignore = self.folder / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
        except OSError as error:
            raise OvernightError(f"{self.folder} cannot be written: {error.strerror}") from None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder while working in it. Raises SessionError if another process does."""
        self.create()
        with (self.folder / "lock").open("a+") as file:
            if not _lock(file):
                raise SessionError(
                    f"a session is running here already ({_read_holder(self.folder / 'lock') or 'starting'}); watch it "
                    "with `overnight status`, or end it with `overnight stop`"
                )
            file.truncate(0)
            file.write(json.dumps({"pid": os.getpid(), "since": time.time()}))
            file.flush()
            try:
                yield
            finally:
                file.truncate(0)

    def holder(self) -> Holder | None:
        """Who is at work here now; None if nobody is (a dead process holds nothing)."""
        path = self.folder / "lock"
        if not path.exists():
            return None
        with path.open("r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _read_holder(path)
        return None

    def stop_holder(self) -> Holder | None:
        """Ask who is at work to put the session down, as Ctrl-C does, and wait for it. None if nobody was."""
        holder = self.holder()
        if holder is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            os.kill(holder.pid, signal.SIGINT)
        patience = time.monotonic() + _STOP_PATIENCE_SECONDS
        while self.holder() == holder:
            if time.monotonic() > patience:
                raise SessionError(
                    f"{holder} was asked to stop but is still at work after {_STOP_PATIENCE_SECONDS:g} s"
                )
            time.sleep(0.05)
        return holder


def _lock(file: IO[str]) -> bool:
    """Take the lock; tried for a moment, since `status` holds it for an instant when it looks."""
    for _ in range(10):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.02)
    return False


def _read_holder(path: Path) -> Holder | None:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        data = json.loads(path.read_text())
        return Holder(int(data["pid"]), float(data["since"]))
    return None
