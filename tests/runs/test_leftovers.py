"""What a killed loop leaves is found, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from overnight.folders import try_lock
from overnight.runs.leftovers import clear_leftovers, end_guests, kept

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A folder `.overnight/` with private copies in it."""
    folder = tmp_path / ".overnight"
    (folder / "work" / "run").mkdir(parents=True)
    return folder


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that are ended after the test if they still run."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def test_guests_are_known_by_what_they_were_given(state: Path, started: list[subprocess.Popen[bytes]]) -> None:
    marks = {"OVERNIGHT_ARTIFACTS": str(state / "work" / "artifacts"), "OVERNIGHT_BRIEF": str(state / "brief.md")}
    started += [subprocess.Popen(SLEEP, env={**os.environ, name: value}) for name, value in marks.items()]
    other = subprocess.Popen(SLEEP, env={**os.environ, "OVERNIGHT_ARTIFACTS": str(state.parent / "other")})
    shell = subprocess.Popen(SLEEP, cwd=state / "work", start_new_session=True)  # A user looking around.
    started += [other, shell]
    time.sleep(0.2)
    assert sorted(end_guests(state)) == sorted(process.pid for process in started[:2])
    assert other.poll() is None
    assert shell.poll() is None


def test_one_that_has_cleared_its_environment_is_known_by_where_it_is(state: Path, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    # Its session's first process ends at once, as a killed run's does.
    command = f"env -i sleep 61 & echo $! > {note}"
    subprocess.run(["/bin/sh", "-c", command], cwd=state / "work" / "run", check=True, start_new_session=True)
    assert end_guests(state) == [int(note.read_text())]


def test_descendants_go_too_and_the_copies(state: Path, started: list[subprocess.Popen[bytes]]) -> None:
    env = {**os.environ, "OVERNIGHT_BRIEF": str(state / "brief.md")}
    started.append(subprocess.Popen(["/bin/sh", "-c", "env -i setsid sleep 62 & wait"], cwd="/", env=env))
    time.sleep(0.3)
    children = psutil.Process(started[0].pid).children(recursive=True)
    assert children
    clear_leftovers(state)
    psutil.wait_procs(children, timeout=5)
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not (state / "work").exists()
    assert end_guests(state) == []


def test_a_keeper_clears_nothing_while_all_goes_well(state: Path) -> None:
    with kept(state):
        pass
    assert (state / "work" / "run").exists()


def test_a_keeper_waits_for_the_lock_of_a_loop_that_is_just_ending(
    state: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    with (state / "lock").open("a+") as lock:
        assert try_lock(lock)
        keeper = subprocess.Popen([sys.executable, "-m", "overnight.runs.leftovers", str(state)], stdin=subprocess.PIPE)
        started.append(keeper)
        assert keeper.stdin is not None
        keeper.stdin.close()
        while keeper.poll() is None and lock.name not in [
            file.path for file in psutil.Process(keeper.pid).open_files()
        ]:
            time.sleep(0.01)
        time.sleep(0.2)  # It tries.
    assert keeper.wait(60) == 0
    assert not (state / "work").exists()
