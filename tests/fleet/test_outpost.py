"""A machine away from the session, as seen from there: prepared once, cleared after a kill, honest about itself."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from overnight.errors import OvernightError
from overnight.fleet.desk import Desk
from overnight.fleet.machine import machine_name, machine_type
from overnight.fleet.orders import Answer, Charter
from overnight.fleet.outpost import greet, opened
from overnight.fleet.slot import Task
from overnight.repo.bundle import Parcel, Sender
from overnight.runs.sandbox import Sandbox
from tests.fleet.outposts import PROGRAM, Away, at_work, eventually

SETUP = "echo x >> ../../count; mkdir -p data; echo 5 > data/number"
READS = "print('loss:', open('data/number').read())\n"


def charter_of(away: Away, sandbox: Sandbox | None = None, **changes: object) -> Charter:
    repository, base = away.repository, away.base.commit
    settings = away.settings(fleet="ray", **changes)
    confined = sandbox is not None and sandbox.confines
    return Charter("p", "s", settings, repository.prefix, base, repository.tree_of(base), confined)


def parcels_of(away: Away, *commits: str) -> list[Parcel]:
    sender = Sender(away.repository, away.project.folder / ".overnight" / "parcels")
    return [sender.pack(commit, commits[:index]) for index, commit in enumerate(commits)]


def measured(away: Away, cache: Path, charter: Charter, program: str) -> Answer:
    version = away.candidate(program)
    with opened(charter, cache) as outpost:
        order = Task(version, 7, "candidate", 5)
        return outpost.do(order, parcels_of(away, charter.base, version.commit), lambda: False)


def test_a_run_is_made_and_says_where(away: Away, tmp_path: Path, sandbox: Sandbox) -> None:
    charter = charter_of(away, sandbox)
    answer = measured(away, tmp_path, charter, "print('loss: 4')\n")
    assert answer.problem is None
    run = answer.measured
    assert run is not None
    assert (run.value, run.outcome, run.seed, run.number) == (4, "ok", 5, 7)
    assert (run.machine, run.machine_type) == (machine_name(), machine_type())
    assert "core" in run.machine_type
    assert answer.logs == {"7-candidate-5.log": b"loss: 4\n"}
    assert greet(charter, tmp_path).known[:1]
    assert not list((tmp_path / "outposts").rglob("solve.py.overnight"))


def test_a_machine_is_set_up_once_for_each_command(away: Away, tmp_path: Path, sandbox: Sandbox) -> None:
    counts = []
    for setup in (SETUP, SETUP, f"{SETUP}; true"):
        charter = charter_of(away, sandbox, setup=setup, read="data")
        answer = measured(away, tmp_path, charter, READS)
        assert answer.measured is not None, answer.problem
        assert answer.measured.value == 5
        counts.append(sum(len(place.read_text().split()) for place in (tmp_path / "outposts" / "p").rglob("count")))
    assert counts == [1, 1, 2]


def test_what_nobody_has_used_for_weeks_is_removed(away: Away, tmp_path: Path) -> None:
    place = tmp_path / "outposts" / "p"
    charter, order = charter_of(away, setup="true"), Task(away.base, 1, "candidate", 1)
    with opened(charter, tmp_path) as held:
        assert held.do(order, parcels_of(away, charter.base), lambda: False).measured
        measured(away, tmp_path, charter_of(away), PROGRAM)
        for ready in place.glob("*/ready"):
            os.utime(ready, (1e9, 1e9))
        measured(away, tmp_path, charter_of(away, setup="true; true"), PROGRAM)
        assert len(list(place.glob("*/checkout"))) == 2
        assert held.do(order, (), lambda: False).measured


def test_a_setup_that_fails_is_a_mistake_and_is_tried_again(away: Away, tmp_path: Path) -> None:
    charter = charter_of(away, setup="echo no wheel for you; exit 3")
    for _ in range(2):
        answer = measured(away, tmp_path, charter, READS)
        assert answer.is_mistake
        assert "stopped with exit code 3" in (answer.problem or "")
        assert "no wheel for you" in (answer.problem or "")


def test_another_version_of_overnight_is_refused(away: Away, tmp_path: Path) -> None:
    charter = Charter("p", "s", away.settings(), "", away.base.commit, "", False, overnight="0.0.1")
    with pytest.raises(OvernightError, match=r"the session 0\.0\.1; install the same"), opened(charter, tmp_path):
        pass


def test_two_at_a_time_have_a_folder_each(away: Away, tmp_path: Path) -> None:
    charter, order = charter_of(away), Task(away.base, 1, "candidate", 1)
    parcels = parcels_of(away, charter.base)
    with opened(charter, tmp_path) as one, opened(charter, tmp_path) as other:
        assert one.log(order) != other.log(order)
        for outpost in (one, other):
            assert outpost.do(order, parcels, lambda: False).measured is not None
        first = one.log(order).parents[3]
    assert not (first / "work").exists()
    with opened(charter, tmp_path) as again:
        assert again.log(order).parents[3] == first


KILLED = """
import pickle, sys
from pathlib import Path
from overnight.fleet.outpost import opened
charter, order, parcels, cache = pickle.loads(sys.stdin.buffer.read())
with opened(charter, cache) as outpost:
    outpost.do(order, parcels, lambda: False)
"""


def test_of_a_killed_outpost_nothing_is_left(away: Away, tmp_path: Path, sandbox: Sandbox) -> None:
    charter = charter_of(away, sandbox)
    version = away.candidate("import time\nprint('begun', flush=True)\ntime.sleep(600)\n")
    order = Task(version, 1, "candidate", 1)
    with subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        told = (charter, order, parcels_of(away, charter.base, version.commit), tmp_path)
        process.stdin.write(pickle.dumps(told))
        process.stdin.close()
        logs = tmp_path / "outposts"
        assert eventually(lambda: any(b"begun" in place.read_bytes() for place in logs.rglob("1-candidate-1.log")))
        process.send_signal(signal.SIGKILL)
    assert eventually(lambda: not at_work(tmp_path))
    assert eventually(lambda: not list(tmp_path.rglob("work/run")))


def test_who_asks_sees_what_is_printed_meanwhile(away: Away, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    charter = charter_of(away)
    version = away.candidate("import time\nprint('so far', flush=True)\ntime.sleep(600)\n")
    desk = Desk()
    desk.hello(charter)
    desk.start(Task(version, 1, "candidate", 1), *parcels_of(away, charter.base, version.commit))
    assert eventually(lambda: desk.look(0, 0.1)[0] == b"so far\n")
    assert desk.look(3, 0.1) == (b"far\n", None)
    assert desk.stop(60)
    answer = desk.look(0, 60)[1]
    assert answer is not None
    assert answer.stopped
    desk.close(60)
    assert not at_work(tmp_path / "cache" / "overnight")
    assert list((tmp_path / "cache" / "overnight" / "outposts").iterdir())
