"""One command under a clock that is not its own: started in its own session, and ended with all its descendants."""

from __future__ import annotations

import errno
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO

import psutil

from overnight.errors import Interrupted
from overnight.runs.metrics import USAGE
from overnight.runs.output import Output
from overnight.runs.sandbox import Room, Sandbox
from overnight.runs.sleep import Sleep
from overnight.runs.tree import PLANTING, Tree, adopt_orphans

GRACE_SECONDS = 3.0
"""What a process tree gets between SIGTERM and SIGKILL."""
_LOOK_SECONDS = 0.1
_CHUNK = 1 << 16
_KILLED = 128
_LAST_SIGNAL = 64


@dataclass(frozen=True)
class Ended:
    """How a process tree ended and what it used."""

    exit_code: int | None
    """None when a signal ended it."""
    signal: int | None
    forced: bool
    """It reached its limit and was ended by us."""
    wall_seconds: float
    cpu_seconds: float
    peak_mb: float
    """The largest resident memory of the whole tree seen, in MiB (looked at ten times a second)."""
    asleep_seconds: float = 0.0
    """For how long the machine, or this program, was suspended meanwhile: its budget was not what it should be."""
    beyond: str | None = None
    """Which limit but the time it went beyond, so that it was ended by us: "used more than 500 MiB of memory"."""

    @property
    def usage(self) -> dict[str, float]:
        """What it used, by the names that guards and metrics may have."""
        return dict(zip(USAGE, (self.wall_seconds, self.cpu_seconds, self.peak_mb), strict=True))

    @property
    def was_killed(self) -> bool:
        """Whether somebody ended it who is not us (or it did that itself; or the system, for want of memory)."""
        number = self.signal if self.exit_code is None else self.exit_code - _KILLED  # As shells say it.
        return number in _DEADLY and not self.forced and self.beyond is None


_DEADLY = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run_process(
    command: str,
    *,
    room: Room,
    sandbox: Sandbox,
    env: Mapping[str, str],
    limit: float,
    output: Output,
    should_stop: Callable[[], bool],
    stdin: IO[bytes] | None = None,
) -> Ended:
    """Run a shell command in a room for at most `limit` seconds (monotonic), feeding what it prints to `output`.

    No process of it is alive when this returns, also if it forked, ignored SIGTERM or made a session of its own.
    Several threads may call this at once. One process may then live until another of these calls returns: one that
    nobody can tell whose it is (see `tree.py`); in bubblewrap's rooms there is none such.

    Raises Interrupted when `should_stop` says so, OSError when the output cannot be written.
    """
    adopt_orphans()
    started = time.monotonic()
    argv = sandbox.argv(command, room)
    with PLANTING:
        process = subprocess.Popen(
            argv,
            cwd=room.folder,
            env=env,
            stdin=stdin if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
        tree = Tree(process.pid, room, env, is_wrapped=sandbox.wraps)
    watcher = _Watcher(process, output)
    sleep = Sleep()
    try:
        forced, beyond = _watched(watcher, tree, sleep, started + limit, should_stop)
        wall = time.monotonic() - started
        tree.kill(main_is_over=watcher.is_over)
        watcher.drain()
    except BaseException:
        tree.terminate()
        watcher.wait_until(time.monotonic() + GRACE_SECONDS, discard=True)
        tree.kill(main_is_over=watcher.is_over)
        raise
    finally:
        watcher.close()
        status, usage = watcher.reap()
        tree.fell()
    code = os.waitstatus_to_exitcode(status)
    if sandbox.wraps and _KILLED < code <= _KILLED + _LAST_SIGNAL:
        code = _KILLED - code  # A sandbox ends as a shell does when a signal has ended what was in it.
    peak_mb = _peak_mb(usage)
    return Ended(
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        forced=forced,
        wall_seconds=wall,
        # Who is not waited for is in nobody's account, but was seen at work.
        cpu_seconds=max(usage.ru_utime + usage.ru_stime + tree.cpu_seconds, tree.seen_cpu_seconds),
        # A forked child starts with its parent's peak, so only a larger figure is surely its own.
        peak_mb=max(tree.peak_mb, peak_mb if peak_mb > _peak_mb(resource.getrusage(resource.RUSAGE_SELF)) else 0.0),
        asleep_seconds=sleep.seconds(),
        beyond=beyond,
    )


def _watched(
    watcher: _Watcher, tree: Tree, sleep: Sleep, end: float, should_stop: Callable[[], bool]
) -> tuple[bool, str | None]:
    """Wait until a process is over, and have it end itself where it is not by `end` (monotonic).

    Returns whether it had to be told, and which limit but the time it went beyond, if any: it is still at work then.
    """
    while not sleep.watched(lambda: watcher.wait(min(_LOOK_SECONDS, end - time.monotonic()))):
        if should_stop():
            raise Interrupted
        beyond = tree.look()
        if beyond is not None:
            return False, beyond  # No grace: it may be filling the disk.
        if time.monotonic() >= end:
            tree.terminate()
            watcher.wait_until(time.monotonic() + GRACE_SECONDS)
            return True, None
    return False, None


class _Watcher:
    """Waits for the end of the process while reading what it prints, on one thread."""

    def __init__(self, process: subprocess.Popen[bytes], output: Output) -> None:
        self._process = process
        self._output = output
        self._selector = selectors.DefaultSelector()
        assert process.stdout is not None
        assert process.stderr is not None
        for stream, is_standard_output in ((process.stdout, True), (process.stderr, False)):
            os.set_blocking(stream.fileno(), False)
            self._selector.register(stream, selectors.EVENT_READ, is_standard_output)
        self._pidfd = _pidfd_of(process.pid)
        if self._pidfd is not None:
            self._selector.register(self._pidfd, selectors.EVENT_READ, None)
        self.is_over = False

    def wait(self, seconds: float, discard: bool = False) -> bool:
        """Read for up to `seconds`; True as soon as the process is over (its descendants may not be)."""
        end = time.monotonic() + max(seconds, 0.0)
        while not self.is_over:
            left = end - time.monotonic()
            # Without a pidfd (macOS) the process is asked every few milliseconds.
            ready = self._selector.select(max(left, 0.0) if self._pidfd is not None else min(max(left, 0.0), 0.005))
            for key, _ in ready:
                if key.data is not None:
                    self._read(key, discard)
            self.is_over = _has_ended(self._process.pid)
            if left <= 0:
                break
        return self.is_over

    def wait_until(self, end: float, discard: bool = False) -> None:
        """Read until the process is over or `end` (monotonic) is reached."""
        self.wait(end - time.monotonic(), discard)

    def drain(self) -> None:
        """Read what is left in the pipes; no process holds them any more."""
        while ready := [key for key, _ in self._selector.select(0) if key.data is not None]:
            for key in ready:
                self._read(key, discard=False)

    def reap(self) -> tuple[int, resource.struct_rusage]:
        """The exit status and the resources used. Tells Popen, so that it does not wait for the process again."""
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return status, usage

    def close(self) -> None:
        """Close the pipes."""
        self._selector.close()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        if self._pidfd is not None:
            os.close(self._pidfd)

    def _read(self, key: selectors.SelectorKey, discard: bool) -> None:
        try:
            chunk = os.read(key.fd, _CHUNK)
        except BlockingIOError:
            return
        if not chunk:
            self._selector.unregister(key.fileobj)
        elif not discard:
            self._output.feed(chunk, is_standard_output=bool(key.data))


def _has_ended(pid: int) -> bool:
    """Whether the process is over; it stays reapable."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _pidfd_of(pid: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EPERM):
            return None
        raise


def _peak_mb(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
