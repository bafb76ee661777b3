"""Rooms on Linux, by bubblewrap: mounts, process ids, network and IPC of their own for every guest."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from overnight.runs.sandbox import Room, limited, with_home, works
from overnight.runs.tools import SYSTEM

_ISOLATED = (
    *("--die-with-parent", "--new-session", "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
    *("--unshare-cgroup-try", "--hostname", "overnight", "--cap-drop", "ALL"),
)
"""The parent that it dies with is the *thread* that started it, which has to outlive it: `run_process` waits in it."""
_NOT_FOR_GUESTS = (
    *("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/sudoers.d", "/etc/ssh"),
    *("/etc/ssl/private", "/etc/NetworkManager", "/etc/wireguard", "/etc/openvpn", "/etc/kubernetes", "/etc/docker"),
)
"""In /etc; where we are root, a guest could read them."""
_OF_THE_KERNEL = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi")
_DEVICES = ("nvidia*", "dri", "kfd", "accel*", "dxg")
"""Of GPUs, in /dev."""
HOME = Path("/tmp/home")


@dataclass(frozen=True)
class Bubblewrap:
    """`bwrap`, as found on this machine."""

    program: str
    name: str = "bubblewrap"
    wraps: bool = True
    confines: bool = True

    @classmethod
    def find(cls) -> Bubblewrap | None:
        """bwrap, if it is installed and may make namespaces here: that is tried."""
        program = shutil.which("bwrap")
        if program is None:
            return None
        found = cls(program)
        return found if works(found) else None

    def argv(self, command: str, room: Room) -> list[str]:
        """bwrap and all that it is to mount. Later mounts cover earlier ones, so the order is the law."""
        return [
            self.program,
            *_ISOLATED,
            *(() if room.network else ("--unshare-net",)),
            *_system(room.network),
            *self._own(room),
            *_mounts(room),
            *(argument for place in _seen(room) for argument in _cover(place)),
            *("--remount-ro", "/dev", "--remount-ro", "/"),  # In memory, and in nobody's limits.
            *("--chdir", str(room.folder), "--", "/bin/sh", "-c", limited(with_home(command), room.limits)),
        ]

    def home(self, room: Room) -> Path | None:
        """In the guest's own /tmp."""
        return HOME

    def _own(self, room: Room) -> Iterator[str]:
        """What the guest has for itself: /proc, /dev, /tmp, a home."""
        shared = int(room.limits.memory_mb * 2**20) if room.limits else 2**30
        yield from ("--proc", "/proc")
        for name in _OF_THE_KERNEL:
            if Path(name).exists():
                yield from ("--ro-bind", name, name)  # Where we are root, a guest could write to them.
        yield from ("--dev", "/dev", "--size", str(shared), "--tmpfs", "/dev/shm")
        for pattern in _DEVICES:
            for device in sorted(Path("/dev").glob(pattern)):
                yield from ("--dev-bind-try", str(device), str(device))
        if room.tmp is not None:
            (room.tmp / HOME.name).mkdir(exist_ok=True)
            yield from ("--bind", str(room.tmp), "/tmp", "--bind", str(room.tmp), "/var/tmp")
        else:
            yield from ("--tmpfs", "/tmp", "--dir", str(HOME), "--tmpfs", "/var/tmp")


def _system(network: bool) -> Iterator[str]:
    for place in (*SYSTEM, Path("/etc"), Path("/sys")):
        if place.is_symlink():
            yield from ("--symlink", str(place.readlink()), str(place))
        elif place.is_dir():
            yield from ("--ro-bind", str(place), str(place))
    for name in _NOT_FOR_GUESTS:
        yield from _cover(Path(name))
    names = Path("/etc/resolv.conf")
    if network and names.is_symlink() and names.exists():
        yield from ("--ro-bind", str(names.resolve()), str(names.resolve()))


def _cover(place: Path) -> Iterator[str]:
    """Mount nothing over something: a folder is empty, a file cannot be opened."""
    if place.is_symlink() or not place.exists():
        return
    if place.is_dir():
        yield from ("--tmpfs", str(place), "--remount-ro", str(place))
    else:
        yield from ("--ro-bind", "/dev/null", str(place))


def _seen(room: Room) -> list[Path]:
    """What is to be hidden and would otherwise be seen."""
    open_places = (*room.sees, *room.writes)
    return [place for place in room.hides if any(place.is_relative_to(each) for each in open_places)]


def _mounts(room: Room) -> Iterator[str]:
    """What the guest sees and may write, the outermost first; nothing twice that comes with what it lies in."""
    how = dict.fromkeys(room.sees, "--ro-bind")
    how |= dict.fromkeys(room.writes, "--bind")
    how |= dict.fromkeys(room.frozen, "--ro-bind")
    for place in sorted(how, key=lambda place: len(place.parts)):
        around = next((parent for parent in place.parents if parent in how), None)
        if around is None or how[around] != how[place]:
            yield from (how[place], str(place), str(place))
