"""Several runs at once in one program: each ends what is its own, and counts nothing else."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from overnight.runs.output import Output
from overnight.runs.process import Ended, run_process
from overnight.runs.sandbox import Limits, Room, Sandbox
from overnight.runs.tools import tool_paths
from overnight.runs.tree import PLANTING, Tree, adopt_orphans
from tests.runs.test_process import alive

PATIENCE_SECONDS = 60.0


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something is so, however busy the machine is."""
    patience = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < patience, "it never came to that"
        time.sleep(0.01)


def start(folder: Path, sandbox: Sandbox, program: str, limit: float = PATIENCE_SECONDS) -> Ended:
    """Run a Python program in a folder of its own, with what every guest is told of its room."""
    folder.mkdir(exist_ok=True)
    (folder / "program.py").write_text(textwrap.dedent(program))
    room = Room(folder, sees=tool_paths(sys.executable, Path("/nowhere")), writes=(folder,))
    with Output(folder.with_suffix(".log")) as output:
        return run_process(
            f"exec {sys.executable} program.py",
            room=room,
            sandbox=sandbox,
            env={**os.environ, "OVERNIGHT_ARTIFACTS": str(folder)},
            limit=limit,
            output=output,
            should_stop=lambda: False,
        )


DAEMON = """
import os, subprocess, sys, time
def daemon(*command, **how):
    if os.fork() == 0:
        os.setsid()
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, **how)
        os._exit(0)
    os.wait()
"""


def test_at_its_limit_one_is_ended_with_its_orphans_and_the_others_go_on(tmp_path: Path, sandbox: Sandbox) -> None:
    marks = [f"5{os.getpid()}.{number}" for number in range(3)]
    go_on = tmp_path / "b" / "go on", tmp_path / "c" / "go on"
    waits = "while not os.path.exists('go on'):\n    time.sleep(0.02)\nprint('done')\n"
    forks = f"{DAEMON}\nwhile True:\n    daemon('sleep', '{marks[0]}')\n    time.sleep(0.02)\n"
    with ThreadPoolExecutor() as threads:
        others = [
            threads.submit(start, tmp_path / name, sandbox, f"{DAEMON}\ndaemon('sleep', '{mark}')\n{waits}")
            for name, mark in zip("bc", marks[1:], strict=True)
        ]
        eventually(lambda: all(alive(mark) for mark in marks[1:]))
        ended = start(tmp_path / "a", sandbox, forks, limit=1.5)
        assert ended.forced
        assert alive(marks[0]) == []
        for other, mark, path in zip(others, marks[1:], go_on, strict=True):
            assert len(alive(mark)) == 1
            path.touch()
            assert (other.result().exit_code, alive(mark)) == (0, [])


def test_two_forests_that_keep_forking_leave_nobody(tmp_path: Path, sandbox: Sandbox) -> None:
    marks = [f"4{os.getpid()}.{number}" for number in range(2)]
    # Not as fast as they can: a busy machine would be full of them before anybody has looked.
    grows = "        while True:\n            daemon('sleep', '{}')\n            time.sleep(0.03)\n"
    forest = f"for _ in range(4):\n    if os.fork() == 0:\n{grows}"
    with ThreadPoolExecutor() as threads:
        runs = [
            threads.submit(start, tmp_path / mark, sandbox, f"{DAEMON}\n{forest.format(mark)}\ntime.sleep(60)\n", limit)
            for mark, limit in zip(marks, (1.5, 3.0), strict=True)
        ]
        assert runs[0].result().forced
        assert alive(marks[0]) == []
        assert runs[1].result().forced
    assert alive(marks[1]) == []


def test_what_one_uses_is_not_in_the_others_account(tmp_path: Path, sandbox: Sandbox) -> None:
    works = "block = bytearray(200 * 2**20)\nwhile time.process_time() < 2:\n    pass\ntime.sleep(0.5)\n"
    busy = f"{DAEMON}\ndaemon(sys.executable, '-c', {'import time; ' + chr(10) + works!r})\n{works}"
    idle = f"{DAEMON}\ndaemon('sleep', '60')\nwhile not os.path.exists('go on'):\n    time.sleep(0.02)\n"
    with ThreadPoolExecutor() as threads:
        resting = threads.submit(start, tmp_path / "idle", sandbox, idle)
        worked = start(tmp_path / "busy", sandbox, busy)
        (tmp_path / "idle" / "go on").touch()
        rested = resting.result()
    assert worked.exit_code == rested.exit_code == 0
    assert worked.cpu_seconds > 2
    assert worked.peak_mb > 200
    assert rested.cpu_seconds < 1.5
    assert rested.peak_mb < 150


def planted(command: str, folder: Path, env: dict[str, str]) -> tuple[subprocess.Popen[bytes], Tree]:
    """A shell command with nobody who looks at it."""
    with PLANTING:
        process = subprocess.Popen(["/bin/sh", "-c", command], cwd=folder, env=env, start_new_session=True)
        return process, Tree(process.pid, Room(folder, limits=Limits(1000, 2, 1000)), env, is_wrapped=False)


def came_to_us(mark: str) -> bool:
    """Whether the process with this word in its command line has lost all others it came from."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [psutil.Process(pid).ppid() for pid in alive(mark)] == [os.getpid()]
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere orphans are known by their session alone")
def test_an_orphan_that_nobody_has_seen_is_known_by_what_it_was_given(tmp_path: Path) -> None:
    adopt_orphans()
    mark = f"3{os.getpid()}"
    idle, forks = "sleep 60", f"setsid -f sleep {mark}; sleep 60"
    trees = [
        planted(command, tmp_path, {**os.environ, "OVERNIGHT_ARTIFACTS": place})
        for command, place in ((idle, "/a"), (forks, "/b"), (idle, "/c"))
    ]
    eventually(lambda: came_to_us(mark))
    for number, (process, tree) in enumerate(trees):
        tree.kill(main_is_over=False)
        assert process.wait() != 0
        tree.fell()
        assert bool(alive(mark)) == (number == 0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere orphans are known by their session alone")
def test_one_that_nobody_can_place_is_ended_with_the_last_that_stood_when_it_was_born(tmp_path: Path) -> None:
    adopt_orphans()
    mark = f"2{os.getpid()}"
    idle, env = "sleep 60", dict(os.environ)
    first = planted(idle, tmp_path, env)
    second = planted(f"env -i setsid -f sleep {mark}; sleep 60", tmp_path, env)
    eventually(lambda: came_to_us(mark))
    time.sleep(0.05)  # So coarse are the kernel's times of birth.
    third = planted(idle, tmp_path, env)
    for (process, tree), goes_on in ((second, True), (first, False), (third, False)):
        assert tree.look() is None  # Not even in the account of the one that has to end it.
        tree.kill(main_is_over=False)
        assert process.wait() != 0
        tree.fell()
        assert bool(alive(mark)) == goes_on
