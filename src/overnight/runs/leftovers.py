"""What a killed loop leaves: its guests are ended and its private copies removed, whoever comes first.

That is the keeper, a small process beside each loop that waits for its end; or, where both were killed, the next loop.
With a sandbox the kernel has ended the guests already; without one they would go on, and measure beside the next run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from overnight.folders import remove, try_lock

_PATIENCE_SECONDS = 30.0
_LOCK_SECONDS = 10.0
"""Within these a lock is free that nobody wants any more: the system may have told us of a loop's end before it gives
up what that held, and `status` holds it for an instant."""
_LOOK_SECONDS = 0.02
_DONE = b"done"
_MARKS = ("OVERNIGHT_ARTIFACTS", "OVERNIGHT_BRIEF", "OVERNIGHT_INCUMBENT")
"""Variables of which every guest is given one, all with a path in `.overnight/`."""


def clear_leftovers(state: Path) -> None:
    """End all guests of `state` (the folder `.overnight/`) and remove the copies. Only for whoever holds its lock."""
    end_guests(state)
    remove(state / "work")


def end_guests(state: Path) -> list[int]:
    """Kill every process that was a guest there, and its descendants. Returns their ids."""
    ended: list[int] = []
    patience = time.monotonic() + _PATIENCE_SECONDS
    while (guests := _guests(state.resolve())) and time.monotonic() < patience:
        for process in guests:
            with contextlib.suppress(psutil.Error):
                process.kill()
                ended.append(process.pid)
        psutil.wait_procs(guests, timeout=1)
    return ended


def _guests(state: Path) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError, ValueError):
            if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE and _is_guest(process, state):
                for one in (process, *process.children(recursive=True)):
                    found[one.pid] = one
    return list(found.values())


def _is_guest(process: psutil.Process, state: Path) -> bool:
    """By what it was given; or by where it is, if nobody's shell is: what started it has ended."""
    environment = process.environ()
    if any(Path(environment.get(mark, "/")).is_relative_to(state) for mark in _MARKS):
        return True
    if not Path(process.cwd()).is_relative_to(state / "work"):
        return False
    leader = os.getsid(process.pid)
    return leader not in (0, process.pid) and not psutil.pid_exists(leader)


@contextlib.contextmanager
def kept(state: Path) -> Iterator[None]:
    """Have a keeper for as long as this lasts. It shares our terminal session: no run takes it for its orphan."""
    command = [sys.executable, "-P", "-m", "overnight.runs.leftovers", str(state)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=state, env=env, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, process_group=0
    ) as keeper:
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                keeper.communicate(_DONE)


def keep(state: Path) -> None:
    """The keeper: wait for the loop's end; if it came without a word, clear up. Another loop would do that itself."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if sys.stdin.buffer.read() == _DONE:
        return
    with (state / "lock").open("a+") as lock:
        patience = time.monotonic() + _LOCK_SECONDS
        while not try_lock(lock):
            if time.monotonic() > patience:
                return
            time.sleep(_LOOK_SECONDS)
        lock.truncate(0)
        clear_leftovers(state)


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
