"""The rooms that guests are in: what an agent, a run or a scorer may see and write. Everything else is not there.

Which program makes the rooms depends on the machine: bubblewrap on Linux, sandbox-exec on macOS, or none.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import psutil

from overnight.goal.sections import GuestLimits

_SHARE_OF_MEMORY = 0.9
"""Of the machine's, where the goal sets no limit; what is left is the harness's and the agents'."""


@dataclass(frozen=True)
class Limits:
    """What one guest may use at most, all of its processes together."""

    memory_mb: float
    processes: int
    disk_mb: float
    """Of all that it may write, in MiB."""

    @classmethod
    def of(cls, limits: GuestLimits, *, slots: int = 1) -> Limits:
        """What the goal says, in numbers; where it says nothing, as many guests as there are slots share the memory."""
        memory = limits.memory_mb or _SHARE_OF_MEMORY * psutil.virtual_memory().total / 2**20 / slots
        return cls(memory, limits.processes, limits.disk_mb)


@dataclass(frozen=True)
class Room:
    """What one guest has. Paths are absolute, and stand inside where they stand outside."""

    folder: Path
    """Where it starts."""
    sees: tuple[Path, ...] = ()
    """What it may read."""
    writes: tuple[Path, ...] = ()
    """What it may also write; these folders and files exist."""
    frozen: tuple[Path, ...] = ()
    """What it may only read of that."""
    hides: tuple[Path, ...] = ()
    """What is not there although it lies in what the guest sees."""
    tmp: Path | None = None
    """An empty folder that is its /tmp and holds its home; without a sandbox, it is only named by TMPDIR."""
    network: bool = False
    limits: Limits | None = None

    @property
    def written(self) -> tuple[Path, ...]:
        """All that counts for the limit on the disk."""
        return (*self.writes, self.tmp) if self.tmp is not None else self.writes


class Sandbox(Protocol):
    """Whatever makes rooms."""

    @property
    def name(self) -> str:
        """Which it is."""
        ...

    @property
    def wraps(self) -> bool:
        """Whether it puts two processes of its own around the guest's."""
        ...

    @property
    def confines(self) -> bool:
        """Whether it keeps a guest from anything at all."""
        ...

    def argv(self, command: str, room: Room) -> list[str]:
        """The program and arguments that run a shell command in a room."""
        ...

    def home(self, room: Room) -> Path | None:
        """Where the guest's private home is for the guest; None where it has the user's."""
        ...


@dataclass(frozen=True)
class NoSandbox:
    """Runs guests as the user, with all that the user may do."""

    name: str = "none"
    wraps: bool = False
    confines: bool = False

    def argv(self, command: str, room: Room) -> list[str]:
        """A shell."""
        return ["/bin/sh", "-c", command]

    def home(self, room: Room) -> Path | None:
        """The user's own."""
        return None


NOT_PROTECTED = (
    "an agent or a run could read your files and keys, use the network, and write to whatever you may write to"
)
"""What it means to have no sandbox, as the end of a sentence."""


@cache
def find_sandbox() -> Sandbox | None:
    """What makes rooms on this machine, tried once for real; None where nothing does."""
    if sys.platform == "linux":
        from overnight.runs.bubblewrap import Bubblewrap  # noqa: PLC0415 - one of the two is needed

        return Bubblewrap.find()
    if sys.platform == "darwin":
        from overnight.runs.seatbelt import Seatbelt  # noqa: PLC0415

        return Seatbelt.find()
    return None


def works(sandbox: Sandbox) -> bool:
    """Whether it makes rooms here: that is tried."""
    command = sandbox.argv("true", Room(Path("/")))
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def why_none() -> str:
    """What to do about it, as a sentence's end."""
    if sys.platform == "linux":
        return (
            "install bubblewrap (`apt install bubblewrap`) and, in a container, allow user namespaces; "
            "`bwrap --unshare-all --ro-bind / / true` must work"
        )
    return "there is none for this system yet"


def limited(command: str, limits: Limits | None) -> str:
    """The command with the limits that a shell can set: no core files, no file larger than the disk limit."""
    if limits is None:
        return command
    return f"ulimit -c 0; ulimit -f {max(int(limits.disk_mb * 2048), 1)}\n{command}"


def with_home(command: str) -> str:
    """The command with the user's home where it says `~/`: in its room, a guest has another."""
    return re.sub(r"(^|[\s=:;&|(])~(?=/)", lambda found: f"{found[1]}{shlex.quote(str(home()))}", command)


def home() -> Path:
    """The user's home folder; /nonexistent where there is none."""
    place = os.path.expanduser("~")  # noqa: PTH111 - Path's own raises where there is none
    return Path(place if place.startswith("/") else "/nonexistent")


def words_of(command: str) -> list[str]:
    """The words of a shell command, and what stands behind an equals sign in them; none where it cannot be read."""
    try:
        words = shlex.split(command, comments=False)
    except ValueError:
        words = command.split()
    return [part for word in words for part in ([word, word.split("=", 1)[1]] if "=" in word else [word])]
