"""The folder `.overnight/` beside goal.md: the ledger, the outputs, the private copies, and who is at work."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from overnight.errors import OvernightError, SessionError
from overnight.folders import try_lock
from overnight.loop.inbox import Inbox, Submissions

_STOP_PATIENCE_SECONDS = 60.0
_KEEPER_PATIENCE_SECONDS = 40.0
"""How long the keeper of a killed loop may take to clear up."""


@dataclass(frozen=True)
class Holder:
    """The process that is running a session."""

    pid: int
    since: float
    """Unix time, seconds."""
    host: str = ""

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since)
        day = "" if since.date() == datetime.now().date() else f"{since:%Y-%m-%d} "
        return f"process {self.pid}{'' if self.is_here else f' on {self.host}'}, since {day}{since:%H:%M}"

    @property
    def is_here(self) -> bool:
        """Whether it runs on this machine, and not on another that shares the folder."""
        return self.host in ("", socket.gethostname())

    @property
    def is_us(self) -> bool:
        """Whether it is this very process."""
        return self.is_here and self.pid == os.getpid()


@dataclass(frozen=True)
class State:
    """The paths in `.overnight/`, and the lock on it."""

    folder: Path

    @classmethod
    def of(cls, project: Path) -> State:
        """The state of the project in `project` (goal.md's folder), which may not exist yet."""
        return cls(project / ".overnight")

    @property
    def ledger_place(self) -> Path | str:
        """Where the ledger is: a file here, or the database that goal.md names by its URL."""
        return self.place_of_ledger(self._pointer.get("url"))

    def place_of_ledger(self, url: str | None) -> Path | str:
        """Where it is if goal.md says `ledger: url`, or nothing; variables in the URL are filled in."""
        return os.path.expandvars(url) if url else self.folder / "ledger.db"

    @property
    def home(self) -> str:
        """What tells this folder's sessions from others' in a ledger that many share; "" where it has its own."""
        return self._pointer.get("home", "")

    def use_ledger(self, url: str | None) -> None:
        """Remember where goal.md says that the ledger is, for all who only read. Variables in it are not filled in."""
        place = self.folder / "ledger.json"
        if url is None:
            place.unlink(missing_ok=True)
        elif self._pointer.get("url") != url:
            place.write_text(json.dumps({"url": url, "home": self.home or secrets.token_hex(8)}))

    @property
    def _pointer(self) -> dict[str, str]:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return dict(json.loads((self.folder / "ledger.json").read_text()))
        return {}

    def logs(self, session: str) -> Path:
        """Where a session's outputs are."""
        return self.folder / "sessions" / session / "logs"

    def session_folder(self, session: str) -> Path:
        """Where a session's report is."""
        return self.folder / "sessions" / session

    @property
    def inbox(self) -> Inbox:
        """Where people leave what they ask of the session that is at work."""
        return Inbox(self.folder / "inbox")

    @property
    def submissions(self) -> Submissions:
        """Where changes are left that somebody outside the session has thought of."""
        return Submissions(self.folder / "submitted")

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
        """Hold the folder while working in it; what a killed process left in it is cleared first.

        Raises SessionError if another process holds it.
        """
        from overnight.runs.leftovers import clear_leftovers, kept  # noqa: PLC0415 - `status` does without

        self.create()
        with (self.folder / "lock").open("a+") as file:
            self._lock(file)
            file.truncate(0)
            file.write(json.dumps({"pid": os.getpid(), "since": time.time(), "host": socket.gethostname()}))
            file.flush()
            try:
                clear_leftovers(self.folder)
                with kept(self.folder):
                    yield
            finally:
                file.truncate(0)

    def _lock(self, file: IO[str]) -> None:
        """Take the lock. The kernel frees that of a dead process, so a stale one is none.

        `status` holds it for an instant when it looks, and the keeper of a killed loop while it clears up.
        """
        patience = time.monotonic() + _KEEPER_PATIENCE_SECONDS
        tries = 0
        while not _try_lock(file):
            tries += 1
            holder = _read_holder(self.folder / "lock")
            if holder is not None and holder.is_us and tries > 10:
                raise SessionError(
                    "a session of this very process is at work here; end that first, by `close()` on what its `run()` "
                    "gave, or by `request_stop()`"
                )
            if (holder is not None and tries > 10) or time.monotonic() > patience:
                raise SessionError(
                    f"a session is running here already ({holder or 'starting'}); watch it with `overnight status`, or "
                    "end it with `overnight stop`"
                )
            time.sleep(0.02)

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
        if not holder.is_here:
            raise SessionError(f"the session is run by {holder}; stop it there")
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


def _try_lock(file: IO[str]) -> bool:
    try:
        return try_lock(file)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        raise OvernightError(
            f"{file.name} is on a file system without locks, so two sessions could run at once; move the project to "
            "another"
        ) from None


def _read_holder(path: Path) -> Holder | None:
    """Who has written down that they hold the lock; None if it is a process of this machine that is no more."""
    with contextlib.suppress(ValueError, KeyError, TypeError, OSError):
        data = json.loads(path.read_text())
        holder = Holder(int(data["pid"]), float(data["since"]), str(data.get("host", "")))
        return holder if not holder.is_here or _is_alive(holder.pid) else None
    return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
