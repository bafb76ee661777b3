"""Rooms on macOS, by sandbox-exec (Seatbelt): a profile says which of the machine's files the guest may open.

There are no process ids, mounts or /tmp of its own: the private temporary folder is named by TMPDIR, and processes are
ended as trees, as without a sandbox.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from overnight.runs.sandbox import Room, limited, with_home, works
from overnight.runs.tools import SYSTEM

_SYSTEM = ("/System", "/Library", "/Applications", "/private/etc", "/private/var/db", "/private/var/select", "/dev")


@dataclass(frozen=True)
class Seatbelt:
    """`sandbox-exec`, which macOS brings."""

    program: str
    name: str = "sandbox-exec"
    wraps: bool = False
    confines: bool = True

    @classmethod
    def find(cls) -> Seatbelt | None:
        """sandbox-exec, if it is there and works: that is tried."""
        program = shutil.which("sandbox-exec")
        if program is None:
            return None
        found = cls(program)
        return found if works(found) else None

    def argv(self, command: str, room: Room) -> list[str]:
        """sandbox-exec with the room's profile."""
        return [self.program, "-p", profile(room), "/bin/sh", "-c", limited(with_home(command), room.limits)]

    def home(self, room: Room) -> Path | None:
        """In the room's temporary folder."""
        return room.tmp


def profile(room: Room) -> str:
    """What the guest may do, in Seatbelt's language; of rules that fit, the last one counts."""
    sees = [*map(str, SYSTEM), *_SYSTEM, *map(str, room.sees)]
    above = sorted({str(parent) for place in (*room.sees, *room.writes) for parent in place.parents})
    lines = [
        "(version 1)",
        "(deny default)",
        "(allow process* sysctl-read mach-lookup ipc-posix-shm* file-ioctl)",
        "(allow signal (target same-sandbox))",
        f"(allow file-read-metadata {_each('literal', above)})" if above else "",
        '(allow file-read* (literal "/"))',
        f"(allow file-read* {_each('subpath', sees)})",
        '(allow file-write* (literal "/dev/null") (literal "/dev/tty") (literal "/dev/zero"))',
        f"(allow file-read* file-write* {_each('subpath', map(str, room.written))})" if room.written else "",
        f"(deny file-write* {_each('subpath', map(str, room.frozen))})" if room.frozen else "",
        f"(deny file-read* file-write* {_each('subpath', map(str, room.hides))})" if room.hides else "",
        "(allow network*)" if room.network else "",
    ]
    return "\n".join(filter(None, lines))


def _each(kind: str, places: Iterable[str]) -> str:
    escaped = (place.replace("\\", "\\\\").replace('"', '\\"') for place in places)
    return " ".join(f'({kind} "{place}")' for place in escaped)
