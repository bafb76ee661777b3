"""Slots on Slurm, by submitit's own executor for machines without one: each run is a process that shares a folder."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import submitit

from overnight.errors import Interrupted, OvernightError, Trouble
from overnight.fleet.fleets import Fleet
from overnight.fleet.machine import machine_name, machine_type
from overnight.fleet.slot import Task
from overnight.runs.sandbox import Sandbox, find_sandbox
from tests.fleet.outposts import Away, at_work, eventually

NAPS = "import os, time\nprint('begun by', os.getpid(), flush=True)\ntime.sleep(600)\n"
Open = Callable[..., Fleet]


@pytest.fixture
def slurm(away: Away, tmp_path: Path) -> Iterator[Open]:
    """Opens a fleet of jobs that share a folder."""
    fleets: list[Fleet] = []

    def opening(sandbox: Sandbox | None = None, **changes: object) -> Fleet:
        shared = {"cluster": "local", "folder": str(tmp_path / "shared"), "timeout_min": 10}
        fleets.append(away.open(sandbox, fleet="slurm", slurm=shared, **changes))
        return fleets[-1]

    yield opening
    for fleet in fleets:
        fleet.close()


def printed(away: Away) -> str:
    place = away.logs / "1-candidate-1.log"
    return place.read_text() if place.exists() else ""


def test_each_run_is_a_job(slurm: Open, away: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_MODEL_KEY", "correct-horse")
    away.project.write("score.py", "import os\nprint('loss:', len(os.environ['MY_MODEL_KEY']) - 8)\n")
    away.project.commit()
    settings = {"setup": "echo x >> ../../count; echo 5 > data", "read": "data", "guards": ["grep -q 3 solve.py"]}
    settings |= {"score": f"{sys.executable} score.py", "score_env": "MY_MODEL_KEY"}
    fleet = slurm(find_sandbox(), slots=2, **settings)
    reads = away.candidate("print('own:', open('data').read())\n")
    with ThreadPoolExecutor(2) as threads:
        runs = [threads.submit(slot.measure, Task(reads, 1, "candidate", slot.number)) for slot in fleet.slots]
        measured = [run.result() for run in runs]
    assert [(run.value, run.slot, run.seed) for run in measured] == [(5, 0, 0), (5, 1, 1)]
    assert {(run.machine, run.machine_type) for run in measured} == {(machine_name(), machine_type())}
    assert "own: 5" in printed(away)
    files = [place for place in (tmp_path / "shared").rglob("*") if place.is_file()]
    assert any(place.suffix == ".pkl" for place in files)
    assert not [place for place in files if b"correct-horse" in place.read_bytes()]
    assert [len(place.read_text().split()) for place in (tmp_path / "shared").rglob("count")] == [1]
    assert "`grep -q 3 solve.py` did not hold" in (fleet.slots[0].broken_guard(reads, {}) or "")
    fleet.slots[0].audit(reads)
    fleet.close()
    assert not list((tmp_path / "shared" / "jobs").iterdir())
    assert not list((tmp_path / "shared").rglob("work/run"))


def test_the_tail_is_streamed_and_an_interruption_leaves_nothing(slurm: Open, away: Away, tmp_path: Path) -> None:
    fleet = slurm()
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(fleet.slots[0].measure, Task(away.candidate(NAPS), 1, "candidate", 1))
        assert eventually(lambda: "begun by" in printed(away))
        away.stop = True
        with pytest.raises(Interrupted):
            run.result()
    away.stop = False
    assert eventually(lambda: not at_work(tmp_path / "shared"))
    assert fleet.slots[0].measure(Task(away.base, 2, "candidate", 1)).value == 3


def test_a_job_that_is_killed_is_repeated(
    slurm: Open, away: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submitit.Job, "_results_timeout_s", 1)  # How long a slow file system may take for the result.
    flag = tmp_path / "second"
    program = (
        "import os, time\nprint('here', flush=True)\n"
        f"os.path.exists({str(flag)!r}) or time.sleep(600)\nprint('loss: 2')\n"
    )
    fleet = slurm()
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(fleet.slots[0].measure, Task(away.candidate(program), 1, "candidate", 1))
        assert eventually(lambda: "here" in printed(away))
        flag.touch()
        for process in at_work(tmp_path / "shared"):
            if "work" in Path(process.cwd()).parts:
                job = process.parent()
                assert job is not None
                job.kill()
                break
        measured = run.result()
    assert (measured.value, measured.cut_off) == (2, ("its machine was lost",))


def test_machines_of_another_type_give_no_numbers(slurm: Open, away: Away) -> None:
    fleet = slurm(machine_type="a Cray")
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(fleet.slots[0].measure, Task(away.base, 1, "candidate", 1))
        assert eventually(lambda: "is no a Cray" in printed(away))
        assert not run.done()
        away.stop = True
        with pytest.raises(Interrupted):
            run.result()


def test_what_cannot_work_is_said_at_once(
    slurm: Open, away: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if shutil.which("srun"):
        pytest.skip("there is a Slurm here")
    with pytest.raises(OvernightError, match=r"`slurm:` does not work here: .*srun"):
        away.open(fleet="slurm")
    with pytest.raises(OvernightError, match=r"`slurm:` does not work here: .*Unknown executor 'fastest'"):
        away.open(fleet="slurm", slurm={"cluster": "local", "fastest_queue": 1})
    assert not list((tmp_path / "cache").rglob("*-s-0"))
    fleet = slurm(setup="exit 4")
    with pytest.raises(OvernightError, match="`setup: exit 4` stopped with exit code 4") as error:
        fleet.slots[0].measure(Task(away.base, 0, "baseline", 1))
    assert not isinstance(error.value, Trouble)
