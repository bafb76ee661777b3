"""A process and everything that descends from it: looked at, held to its limits, and ended without exception."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from overnight.runs.artifacts import MOST_ENTRIES
from overnight.runs.sandbox import Limits, Room

_KILL_PATIENCE_SECONDS = 30.0
_PR_SET_CHILD_SUBREAPER = 36
_DISK_SECONDS = 0.5


class Tree:
    """A process and everything that descends from it, also what tried to get away.

    Several stand side by side in one program, each watched by a thread of its own: none counts, ends or reaps what is
    another's.
    """

    def __init__(self, pid: int, room: Room, env: Mapping[str, str], *, is_wrapped: bool) -> None:
        """To be made while `PLANTING` is held, together with its process, which got `env`; and felled in the end.

        `is_wrapped` says that the process and its child are the sandbox's own.
        """
        self._pid = pid
        self._room = room
        self._env = env
        self._is_wrapped = is_wrapped
        self._disk_at = time.monotonic() + _DISK_SECONDS
        self.peak_mb = 0.0
        self.cpu_seconds = 0.0
        """Of those that ended as orphans; nobody else has counted them."""
        self._seen_cpu: dict[psutil.Process, float] = {}
        _standing.append(self)

    def fell(self) -> None:
        """To be called once the process is reaped: no other tree takes it for an orphan until then."""
        with PLANTING:
            _standing.remove(self)
            if not _standing:
                _nobodys.clear()

    @property
    def seen_cpu_seconds(self) -> float:
        """Of everyone who was ever looked at, as far as they had got by then."""
        return math.fsum(self._seen_cpu.values())

    def look(self) -> str | None:
        """Note what the tree holds and has used by now. Returns which limit it is beyond, as the end of a sentence."""
        resident = 0
        members = self._members(orphan for orphan in self._orphans() if orphan not in _nobodys)
        for process in members:
            with contextlib.suppress(psutil.Error):
                resident += process.memory_info().rss
                times = process.cpu_times()
                self._seen_cpu[process] = times.user + times.system
        self.peak_mb = max(self.peak_mb, resident / 2**20)
        limits = self._room.limits
        pids = [process.pid for process in members]
        return self._beyond(limits, pids, resident / 2**20) if limits is not None else None

    def _beyond(self, limits: Limits, members: list[int], memory_mb: float) -> str | None:
        # What several share counts for each of them: only beyond the limit is it worth a closer look.
        if memory_mb > limits.memory_mb and proportional_mb(members) > limits.memory_mb:
            return f"used more than {limits.memory_mb:.0f} MiB of memory"
        if len(members) - 2 * self._is_wrapped > limits.processes:
            return f"had more than {limits.processes} processes"
        if time.monotonic() >= self._disk_at:
            began = time.monotonic()
            size, entries = disk_used(self._room)
            size += nameless_mb(members)
            # A large tree takes a while to look through: a twentieth of the time at most.
            self._disk_at = time.monotonic() + max(_DISK_SECONDS, 20 * (time.monotonic() - began))
            if size > limits.disk_mb or entries > MOST_ENTRIES:
                return f"wrote more than {limits.disk_mb:.0f} MiB or {MOST_ENTRIES:,} files"
        return None

    def terminate(self) -> None:
        """Ask everyone to end, but not the sandbox, since it would take the rest with it at once."""
        spared: set[int] = set()
        if self._is_wrapped:
            spared = {self._pid, *_children_of(self._pid)}
        for process in self._members(self._orphans()):
            if process.pid not in spared:
                _send(process.pid, signal.SIGTERM)

    def kill(self, *, main_is_over: bool) -> None:
        """End everyone, however often they fork meanwhile."""
        if main_is_over and not self._orphans():
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)  # All at one moment, so that nobody among them forks meanwhile.
        # A process that hangs in the kernel (a dead network drive, a lost GPU) cannot be ended by anyone: not for ever.
        patience = time.monotonic() + _KILL_PATIENCE_SECONDS
        while time.monotonic() < patience:
            members = self._members(self._orphans())
            alive = {process for process in members if _is_alive(process)}
            for process in alive:
                self._seen_cpu.setdefault(process, 0.0)  # It may become our child before it is dead.
                _send(process.pid, signal.SIGKILL)
            dead = [process for process in members if process not in alive and process.pid != self._pid]
            for process in dead:
                with contextlib.suppress(ChildProcessError):
                    _, _, usage = os.wait4(process.pid, os.WNOHANG)
                    self.cpu_seconds += 0.0 if process in _nobodys else usage.ru_utime + usage.ru_stime
            if not alive and not dead:  # Who died just now may have left a child that came to us after we looked.
                return
            time.sleep(0.001)

    def _members(self, orphans: Iterable[psutil.Process]) -> list[psutil.Process]:
        """The process, its orphans, and the descendants of them all (and who carries its session's id)."""
        wanted: dict[int, None] = {}
        pending = [self._pid, *(orphan.pid for orphan in orphans)]
        while pending:
            pid = pending.pop()
            if pid not in wanted:
                wanted[pid] = None
                pending += _children_of(pid)
        if sys.platform != "linux":
            wanted.update(dict.fromkeys(pid for pid in psutil.pids() if _session_of(pid) == self._pid))
        return _processes(wanted)

    def _orphans(self) -> set[psutil.Process]:
        """Children of ours that we never started, and that are this tree's."""
        with PLANTING:
            # Other children of this program (in a notebook, say) live in its own session.
            away = [pid for pid in _children_of(os.getpid()) if _session_of(pid) not in (os.getsid(0), None)]
            return {orphan for orphan in _processes(away) if orphan.pid != self._pid and _owner_of(orphan) is self}


PLANTING = threading.Lock()
"""Held while a process is started, until its tree stands: before, nobody could tell it from an orphan."""
_standing: list[Tree] = []
_nobodys: set[psutil.Process] = set()
"""Orphans of which nobody could say whose they are: they are in no tree's account."""


def _owner_of(orphan: psutil.Process) -> Tree | None:
    """The tree that has to end an orphan; None where none has, or not yet.

    An orphan belongs to the tree that has seen it, whose session it is in (where each tree's own process is, too), or
    whose environment it has most of. One that was never seen, made a session of its own and cleared its environment is
    left to the last of those trees that stood when it was born: ended with the first, it might be what another run
    lives on. So it ends a little late at worst, and never outlives all of those whose it can be.
    """
    for tree in _standing:
        if orphan in tree._seen_cpu or _session_of(orphan.pid) == tree._pid:
            return tree
    born, environment = orphan.create_time(), _environment_of(orphan)
    suspects = [tree for tree in _standing if _born(tree._pid) <= born]
    likeness = [len(tree._env.items() & environment.items()) for tree in suspects]
    likely = [tree for tree, alike in zip(suspects, likeness, strict=True) if alike == max(likeness)]
    if len(likely) > 1:
        _nobodys.add(orphan)
        return None
    return likely[0] if likely else None


def adopt_orphans() -> None:
    """Have the orphans of our runs handed to us instead of to init, so that none gets away (Linux, prctl(2))."""
    if sys.platform == "linux" and not _Adoption.on:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        _Adoption.on = True


class _Adoption:
    on = False


def _children_of(pid: int) -> list[int]:
    """The children of a process. On Linux it costs no more than there are; psutil looks at every process there is."""
    if not _KERNEL_TELLS_CHILDREN:
        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
        return []
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_bytes().split())
    return found


_KERNEL_TELLS_CHILDREN = Path(f"/proc/self/task/{os.getpid()}/children").exists()


def _processes(pids: Iterable[int]) -> list[psutil.Process]:
    """Those that are still there, each told by when it began from a later one with its id."""
    found = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            found.append(psutil.Process(pid))
    return found


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _born(pid: int) -> float:
    """When a process began (Unix time), or infinity where it is gone. Both of two are asked anew: clocks are set."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.Error:
        return math.inf


def _environment_of(process: psutil.Process) -> Mapping[str, str]:
    """What it was given; nothing where it is dead or not ours to look into."""
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def disk_used(room: Room) -> tuple[float, int]:
    """MiB in all that a guest may write, and how many files and folders."""
    size, entries = 0, 0
    pending = [str(place) for place in room.written]
    while pending and entries <= MOST_ENTRIES:
        try:
            with os.scandir(pending.pop()) as found:
                for entry in found:
                    entries += 1
                    with contextlib.suppress(OSError):
                        size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except OSError:
            continue  # A file; or gone by now, or closed to us as well.
    return size / 2**20, entries


def proportional_mb(pids: Iterable[int]) -> float:
    """MiB of memory that processes hold, what they share counted once."""
    held = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            memory = psutil.Process(pid).memory_full_info()
            held += getattr(memory, "pss", memory.uss)
    return held / 2**20


def nameless_mb(pids: Iterable[int]) -> float:
    """MiB in files that processes hold open although they were deleted: nobody sees them, but they fill the disk."""
    sizes: dict[tuple[int, int], int] = {}
    for pid in pids:
        with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as handles:
            for handle in handles:
                with contextlib.suppress(OSError):
                    status = handle.stat()
                    if stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                        sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(sizes.values()) / 2**20
