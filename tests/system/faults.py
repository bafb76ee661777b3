"""Faults from outside: the product's own process is killed, or refused something, at a chosen system call.

The system's `strace` does it, so that nothing in the product knows of it. Only the loop's main thread is traced, in
which slots and proposers do their work then, too; what it starts is not. A loop is forked from a process that has
loaded the product already: that takes a second less each time, and the calls counted are those of the work, not those
of Python's imports.
"""

from __future__ import annotations

import ctypes
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from tests.commandline import become, forkserver

if TYPE_CHECKING:
    from overnight.loop.crew import Work, Worker

PATIENCE_SECONDS = 60.0
"""What any process of the product gets before it counts as one that hangs."""
KILL = "KILL"

_PR_SET_PTRACER = 0x59616D61
_PR_SET_PTRACER_ANY = ctypes.c_ulong(-1)

# What changes something on the disk, and what starts a process: a kill matters there.
_CHANGING = (
    *("write", "pwrite64", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir"),
    *("fsync", "fdatasync", "ftruncate", "link", "linkat", "symlink", "symlinkat", "chmod", "fchmod", "fchmodat"),
)
_STARTING = ("vfork", "fork", "clone", "clone3")
_NAMELESS = ("pipe2", "inotify_init1", "pidfd_open", "epoll_create1")
"""Calls that need a new descriptor and name no file."""
_GROWING = (
    *("write", "pwrite64", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "ftruncate", "fsync", "fdatasync"),
    *("link", "linkat", "symlink", "symlinkat", "inotify_add_watch"),
)
_READING = ("read", "pread64", "getdents64")
ERRORS: Mapping[str, frozenset[str]] = {
    "ENOSPC": frozenset(_GROWING),
    "EIO": frozenset({*_CHANGING, *_READING, "openat"} - {"chmod", "fchmod", "fchmodat"}),
    "EMFILE": frozenset({*_NAMELESS, "openat"}),
}
_TRACED = ",".join(
    f"?{name}" for name in (*_CHANGING, *_STARTING, *_NAMELESS, *_READING, "openat", "inotify_add_watch")
)
_CALL = re.compile(r"(?P<name>\w+)\((?P<rest>.*)")
_CREATES = re.compile(r"O_CREAT|O_WRONLY|O_RDWR")


class CannotTraceError(Exception):
    """The system does not let us trace; the text says what to do."""


@dataclass(frozen=True)
class Ended:
    """How a process of the product ended."""

    exit_code: int | None
    """Negative: the signal that ended it; None: it hung and was ended by us."""
    output: str
    errors: str

    @property
    def said(self) -> str:
        """All that it printed."""
        return self.output + self.errors


@dataclass(frozen=True)
class Point:
    """One system call of a session, and what is to happen instead of it."""

    phase: str
    syscall: str
    n: int
    """The n-th call of that name, from 1."""
    fault: str
    """`KILL`, or the name of an error; `ENOSPC+` for every call from that one on."""
    text: str
    """The call as it was recorded."""

    def __str__(self) -> str:
        return f"{self.phase}:{self.syscall}:{self.n}:{self.fault}"

    @property
    def shape(self) -> str:
        """The call without what differs each time; calls of one shape do the same to another file."""
        paths = " ".join(re.findall(r'(?<=[<"])/[^>"]*', self.text))
        return f"{self.fault} {self.syscall} " + re.sub(r"[0-9a-f]{16,}|/[0-9a-f]{2}(?=/)|[0-9]+", "#", paths)

    @property
    def injection(self) -> list[str]:
        """What strace is to be told."""
        if self.fault == KILL:
            return ["-e", f"inject={self.syscall}:signal=KILL:when={self.n}"]
        error, lasting = self.fault.removesuffix("+"), "+" * self.fault.endswith("+")
        return ["-e", f"inject={self.syscall}:error={error}:when={self.n}{lasting}"]


class Loop:
    """A process of the product's command line, stopped before it has begun; `go` lets it work."""

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        env: Mapping[str, str],
        said: Path,
        *,
        has_one_thread: bool = False,
    ) -> None:
        """`said` is a folder for what it prints."""
        self._files = said / "output", said / "errors"
        everything = (list(arguments), str(folder), {**os.environ, **env}, [os.devnull, *map(str, self._files)])
        self._process: ForkServerProcess = forkserver().Process(
            target=_command_line, args=(*everything, has_one_thread)
        )
        self._process.start()
        _wait_until_stopped(self.pid)

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process.pid is not None
        return self._process.pid

    def go(self) -> None:
        """Let it work."""
        os.kill(self.pid, signal.SIGCONT)

    def wait(self, patience: float = PATIENCE_SECONDS) -> Ended:
        """Wait for its end, or end it when it takes longer."""
        self._process.join(patience)
        hangs = self._process.exitcode is None
        if hangs:
            self._process.kill()
            self._process.join()
        code = None if hangs else self._process.exitcode
        self._process.close()
        output, errors = (file.read_text(errors="replace") if file.exists() else "" for file in self._files)
        return Ended(code, output, errors)


def run_to_the_end(folder: Path, arguments: Sequence[str], env: Mapping[str, str], said: Path) -> Ended:
    """Run the command line without any fault."""
    loop = Loop(folder, arguments, env, said)
    loop.go()
    return loop.wait()


def run_traced(
    folder: Path, arguments: Sequence[str], env: Mapping[str, str], said: Path, options: Sequence[str], patience: float
) -> tuple[Ended, list[str]]:
    """Run the command line under strace. Returns how it ended and the lines of strace's log.

    Raises CannotTraceError when the system does not allow it.
    """
    loop = Loop(folder, arguments, env, said, has_one_thread=True)
    log = said / "strace"
    try:
        tracer = _attach(loop.pid, log, options)
    except CannotTraceError:
        os.kill(loop.pid, signal.SIGKILL)
        loop.wait()
        raise
    loop.go()
    ended = loop.wait(patience)
    tracer.wait(PATIENCE_SECONDS)
    return ended, log.read_text(errors="replace").splitlines()


def record(folder: Path, arguments: Sequence[str], env: Mapping[str, str], said: Path) -> list[str]:
    """Every call that could be a point, in an undisturbed run."""
    options = ["-e", f"trace={_TRACED}", "-s", "64"]
    ended, lines = run_traced(folder, arguments, env, said, options, 2 * PATIENCE_SECONDS)
    assert ended.exit_code == 0, ended.said
    return lines


def inject(
    point: Point, folder: Path, arguments: Sequence[str], env: Mapping[str, str], said: Path, patience: float
) -> tuple[Ended, str | None]:
    """Run the command line with a fault. Returns how it ended and the call that it met; None when it came to none."""
    options = ["-e", f"trace={point.syscall}", "-s", "64", *point.injection]
    ended, lines = run_traced(folder, arguments, env, said, options, patience)
    if point.fault == KILL:
        calls = [line for line in lines if _CALL.match(line)]
        return ended, calls[-1] if ended.exit_code == -signal.SIGKILL and calls else None
    return ended, next((line for line in lines if "(INJECTED)" in line), None)


def points_in(lines: Iterable[str], folder: Path, phase: str, wanted: Iterable[range]) -> list[Point]:
    """Every point in a recorded run whose line is in one of the `wanted` ranges and that touches the project."""
    ranges = list(wanted)
    counts: dict[str, int] = {}
    points = []
    for index, line in enumerate(lines):
        match = _CALL.match(line)
        if match is None:
            continue
        name = match["name"]
        counts[name] = counts.get(name, 0) + 1
        if any(index in among for among in ranges) and concerns(line, folder):
            points += [Point(phase, name, counts[name], fault, line) for fault in _faults(name, line)]
    return points


def sample(points: Sequence[Point], limit: int | None, seed: int) -> list[Point]:
    """At most `limit` of the points, chosen by `seed`, such that no shape comes twice before all came once."""
    shuffled = list(points)
    random.Random(seed).shuffle(shuffled)
    seen: dict[str, int] = {}
    turns = []
    for point in shuffled:
        seen[point.shape] = seen.get(point.shape, 0) + 1
        turns.append((seen[point.shape], point))
    return [point for _, point in sorted(turns, key=lambda turn: turn[0])][:limit]


def concerns(call: str, folder: Path) -> bool:
    """Whether a call touches the project in `folder`, starts a process, or needs a descriptor of its own."""
    name = call.split("(", maxsplit=1)[0]
    if name in _STARTING or name in _NAMELESS:
        return True
    return f"{folder}/.git" in call or f"{folder}/.overnight" in call


def _faults(name: str, line: str) -> list[str]:
    """What may happen at a call."""
    creates = name == "openat" and _CREATES.search(line) is not None
    faults = [KILL] if name in _CHANGING or name in _STARTING or creates else []
    faults += [error for error, calls in ERRORS.items() if name in calls]
    if name == "openat" and "O_CREAT" in line:
        faults.append("ENOSPC")
    if name in ("write", "pwrite64"):
        faults.append("ENOSPC+")
    return faults


def _command_line(
    arguments: list[str], folder: str, env: dict[str, str], files: list[str], has_one_thread: bool
) -> None:
    """What the forked process does: wait to be let go, then what `overnight` does."""
    from overnight.cli.main import main  # noqa: PLC0415 - loaded in the process that forks
    from overnight.loop.crew import Worker  # noqa: PLC0415

    if has_one_thread:
        Worker.begin = _begin_at_once  # type: ignore[method-assign, assignment]
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PTRACER, _PR_SET_PTRACER_ANY, 0, 0, 0)
    become(arguments, folder, env, files)
    os.kill(os.getpid(), signal.SIGSTOP)
    main()


def _begin_at_once(worker: Worker[Any], work: Work[Any]) -> Future[Any]:
    """What a worker's thread would do."""
    done: Future[Any] = Future()
    try:
        done.set_result(work.do(worker.means))
    except BaseException as error:
        done.set_exception(error)
    return done


def _wait_until_stopped(pid: int) -> None:
    patience = time.monotonic() + PATIENCE_SECONDS
    while psutil.Process(pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < patience, "the product's process did not begin"
        time.sleep(0.005)


def _attach(pid: int, log: Path, options: Sequence[str]) -> subprocess.Popen[str]:
    program = shutil.which("strace")
    if program is None:
        raise CannotTraceError("the program `strace` is not installed; install it (`apt install strace`)")
    tracer = subprocess.Popen(
        [program, "-y", "-e", "signal=none", "-o", str(log), *options, "-p", str(pid)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracer.stderr is not None
    first = tracer.stderr.readline()
    if "attached" not in first:
        tracer.wait()
        raise CannotTraceError(
            f"strace may not trace here ({first.strip()}); install strace (`apt install strace`) and allow it "
            "to trace: `sysctl kernel.yama.ptrace_scope=1` or less, and in a container `--cap-add=SYS_PTRACE`"
        )
    return tracer
