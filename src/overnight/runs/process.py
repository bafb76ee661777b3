"""One command under a clock that is not its own: started in its own session, and ended with all its descendants."""

from __future__ import annotations

import contextlib
import ctypes
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
from pathlib import Path
from typing import IO

import psutil

from overnight.errors import Interrupted
from overnight.runs.output import Output

GRACE_SECONDS = 3.0
"""What a process tree gets between SIGTERM and SIGKILL."""
_KILL_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 0.1
_CHUNK = 1 << 16
_PR_SET_CHILD_SUBREAPER = 36


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


def run_process(
    command: str,
    *,
    folder: Path,
    env: Mapping[str, str],
    limit: float,
    output: Output,
    should_stop: Callable[[], bool],
    stdin: IO[bytes] | None = None,
) -> Ended:
    """Run a shell command for at most `limit` seconds (monotonic), feeding what it prints to `output`.

    No process of it is alive when this returns, also if it forked, ignored SIGTERM or made a session of its own.
    Raises Interrupted when `should_stop` says so, OSError when the output cannot be written.
    """
    _adopt_orphans()
    started = time.monotonic()
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=folder,
        env=env,
        stdin=stdin if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,
    )
    tree = _Tree(process.pid, time.time())
    watcher = _Watcher(process, output)
    forced = False
    try:
        while not watcher.wait(min(_LOOK_SECONDS, started + limit - time.monotonic())):
            if should_stop():
                raise Interrupted
            tree.look()
            if time.monotonic() - started >= limit:
                forced = True
                tree.terminate()
                watcher.wait_until(time.monotonic() + GRACE_SECONDS)
                break
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
    code = os.waitstatus_to_exitcode(status)
    own_peak = usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    return Ended(
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        forced=forced,
        wall_seconds=wall,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        # A forked child starts with its parent's peak, so only a larger figure is surely its own.
        peak_mb=max(tree.peak_mb, own_peak if own_peak > _own_peak_mb() else 0.0),
    )


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


class _Tree:
    """A process and everything that descends from it, also what tried to get away."""

    def __init__(self, pid: int, started: float) -> None:
        self._pid = pid
        self._started = started
        self.peak_mb = 0.0

    def look(self) -> None:
        """Note how much memory the tree holds now."""
        total = 0
        for process in self._members():
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        self.peak_mb = max(self.peak_mb, total / 2**20)

    def terminate(self) -> None:
        """Ask everyone to end."""
        for process in self._members():
            _send(process.pid, signal.SIGTERM)

    def kill(self, *, main_is_over: bool) -> None:
        """End everyone, however often they fork meanwhile."""
        if main_is_over and not _have_other_children(self._pid):
            return
        # A process that hangs in the kernel (a dead network drive, a lost GPU) cannot be ended by anyone: not for ever.
        patience = time.monotonic() + _KILL_PATIENCE_SECONDS
        while time.monotonic() < patience:
            members = self._members()
            alive = [process.pid for process in members if _is_alive(process)]
            for pid in alive:
                _send(pid, signal.SIGKILL)
            for pid in {process.pid for process in members} - {*alive, self._pid}:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            if not alive:
                return
            time.sleep(0.001)

    def _members(self) -> list[psutil.Process]:
        """The process, its descendants, and orphans of theirs that came to us (or carry its session's id)."""
        me = psutil.Process()
        members: dict[int, psutil.Process] = {}
        with contextlib.suppress(psutil.Error):
            for process in me.children(recursive=True):
                members[process.pid] = process
        roots = [process for process in members.values() if process.pid == self._pid or self._is_orphan(process)]
        wanted = {process.pid: process for process in roots}
        for process in roots:
            with contextlib.suppress(psutil.Error):
                wanted.update((child.pid, child) for child in process.children(recursive=True))
        if sys.platform != "linux":
            wanted.update(
                (process.pid, process) for process in psutil.process_iter() if _session_of(process.pid) == self._pid
            )
        return list(wanted.values())

    def _is_orphan(self, process: psutil.Process) -> bool:
        """Whether a child of ours is one that we never started: it has left our session, and is younger than the run.

        Other children of this program (in a notebook, say) live in its own session.
        """
        with contextlib.suppress(psutil.Error):
            return (
                process.ppid() == os.getpid()
                and process.create_time() >= self._started - 1.0
                and _session_of(process.pid) not in (os.getsid(0), None)
            )
        return False


def _adopt_orphans() -> None:
    """Have the orphans of our runs handed to us instead of to init, so that none gets away (Linux, prctl(2))."""
    if sys.platform == "linux" and not _Adoption.on:
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        _Adoption.on = True


class _Adoption:
    on = False


def _have_other_children(pid: int) -> bool:
    """Whether we have any child but the (ended, not yet reaped) process `pid`; one system call when we have none."""
    with contextlib.suppress(psutil.Error, FileNotFoundError):
        if sys.platform == "linux":
            tasks = Path("/proc/self/task").iterdir()
            return any(set((task / "children").read_bytes().split()) - {str(pid).encode()} for task in tasks)
    return True


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


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None


def _pidfd_of(pid: int) -> int | None:
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EPERM):
            return None
        raise


def _own_peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if sys.platform != "darwin" else 1024**2)
