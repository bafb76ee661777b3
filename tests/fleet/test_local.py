"""Runs on this machine: measured in a private copy, cleaned after, guards and limits."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from overnight.errors import Interrupted
from overnight.fleet.local import LocalSlot, linked_paths
from overnight.fleet.shares import WHOLE, Share
from overnight.fleet.slot import Task, Version
from overnight.goal.settings import Settings
from overnight.repo.git import Repository
from overnight.runs.sandbox import NoSandbox, Sandbox, find_sandbox
from tests.checkout import Checkout

PROGRAM = "import os\nKNOB = 3\nprint('loss:', KNOB, 'seed:', os.environ['OVERNIGHT_SEED'])\n"
MESSY = "import os\nprint('loss:', len(os.listdir('.')))\nopen('more', 'w')\nos.remove('score.py')\n"


@pytest.fixture
def project(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "project")
    made.write("solve.py", PROGRAM)
    made.write("score.py", "print('loss: 1')\n")
    made.git("init", "-q")
    made.commit()
    return made


def fleet_of(
    project: Checkout,
    sandbox: Sandbox | None = None,
    *,
    stop: bool = False,
    share: Share = WHOLE,
    number: int = 0,
    **changes: Any,
) -> tuple[LocalSlot, Version]:
    repository = Repository.find(project.folder)
    settings = Settings.model_validate(
        {"edit": "solve.py", "run": f"{sys.executable} solve.py", "metric": "loss", "budget": 20, **changes}
    )
    state = project.folder / ".overnight"
    logs = state / "sessions" / "s" / "logs"
    base = repository.head()
    fleet = LocalSlot(
        repository,
        settings,
        base,
        work=state / "work",
        logs=logs,
        sandbox=sandbox or NoSandbox(),
        should_stop=lambda: stop,
        number=number,
        share=share,
    )
    return fleet, Version(base, "print")


def test_a_run_is_written_down_whole(project: Checkout, sandbox: Sandbox) -> None:
    fleet, version = fleet_of(project, sandbox)
    measured = fleet.measure(Task(version, 4, "candidate", 77))
    assert (measured.number, measured.role, measured.seed, measured.outcome) == (4, "candidate", 77, "ok")
    assert (measured.value, measured.metrics["loss"], measured.metrics["seed"]) == (3, 3, 77)
    assert (measured.commit, measured.fingerprint, measured.exit_code) == (version.commit, "print", 0)
    assert measured.wall_seconds > 0
    assert measured.output is not None
    assert "loss: 3" in (project.folder / ".overnight" / measured.output).read_text()
    fleet.close()
    assert not any((project.folder / ".overnight" / "work").rglob("*.py"))


def test_what_one_run_leaves_behind_the_next_does_not_find(project: Checkout) -> None:
    project.write("solve.py", MESSY)
    project.commit()
    fleet, version = fleet_of(project)
    assert [fleet.measure(Task(version, 1, "candidate", seed)).value for seed in range(3)] == [2, 2, 2]


def test_the_scorer_is_the_baselines_whatever_the_candidate_brings(project: Checkout) -> None:
    repository = Repository.find(project.folder)
    fleet, version = fleet_of(project, score=f"{sys.executable} score.py")
    cheat = repository.commit_files(version.commit, {"score.py": b"print('loss: -9')\n"}, "cheat")
    assert fleet.measure(Task(Version(cheat, "cheat"), 1, "candidate", 1)).value == 1
    assert fleet.measure(Task(version, 1, "verify_best", 1, measured_by="echo loss: 8")).value == 8


def test_only_the_scorer_has_the_key_and_the_network_that_are_the_scorers(
    project: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = find_sandbox()
    if sandbox is None:
        pytest.skip("there is no sandbox on this machine")
    monkeypatch.setenv("MY_MODEL_KEY", "correct-horse")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        look = (
            "import os, socket\n"
            "key = os.environ.get('MY_MODEL_KEY') == 'correct-horse'\n"
            f"network = socket.socket().connect_ex({listening.getsockname()!r}) == 0\n"
        )
        project.write("solve.py", f"{look}print('run_has:', key + 2 * network)\n")
        project.write("score.py", f"{look}print('loss:', key + 2 * network)\n")
        project.commit()
        score = f"{sys.executable} score.py"
        for settings, has in (({}, 0), ({"score_env": "MY_MODEL_KEY"}, 1), ({"score_network": True}, 2)):
            fleet, version = fleet_of(project, sandbox, score=score, **settings)
            measured = fleet.measure(Task(version, 1, "candidate", 1))
            assert (measured.value, measured.metrics["run_has"]) == (has, 0)
            fleet.close()


@pytest.mark.parametrize(
    ("guard", "words"),
    [
        ("true", None),
        ("grep -q KNOB solve.py", None),
        ("echo too bad; false", "guard `echo too bad; false` did not hold: too bad"),
        ("loss < 5", None),
        ("loss<=2.5", "guard `loss<=2.5` did not hold: it is 3"),
        ("peak_mb < 4000", None),
        ("speed > 1", "cannot be checked: `speed` was never printed"),
    ],
)
def test_guards(project: Checkout, guard: str, words: str | None) -> None:
    fleet, version = fleet_of(project, guards=["true", guard])
    broken = fleet.broken_guard(version, {"loss": 3.0, "peak_mb": 10.0})
    assert (broken is None) == (words is None)
    assert (words or "") in (broken or "")


SHARE = """
import os
mine = sorted(os.sched_getaffinity(0))
print("processors:", len(mine), "processor:", mine[0])
print("loss:", os.environ.get("OMP_NUM_THREADS", 0), "gpu:", os.environ.get("CUDA_VISIBLE_DEVICES", -1))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds threads to processors")
def test_run_scorer_and_guard_have_the_slots_share(
    project: Checkout, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    look = f"{sys.executable} solve.py"
    project.write("solve.py", SHARE)
    project.write("score.py", SHARE.replace('"loss:"', '"threads:"').replace("gpu:", "card:") + "print('loss: 1')\n")
    project.commit()
    before = os.sched_getaffinity(0)
    for number, processor in enumerate(sorted(before)):
        share = Share(frozenset({processor}), str(number + 5), 2)
        guard = f"{look} | grep -q 'processors: 1 processor: {processor}' && {look} | grep 'loss: 1 gpu: {number + 5}'"
        fleet, version = fleet_of(
            project, sandbox, share=share, number=number, score=f"{sys.executable} score.py", guards=[guard]
        )
        measured = fleet.measure(Task(version, 1, "candidate", 1))
        told = {name: measured.metrics[name] for name in ("processors", "processor", "gpu", "card", "threads")}
        assert told == {"processors": 1, "processor": processor, "gpu": number + 5, "card": number + 5, "threads": 1}
        assert (measured.slot, measured.joules) == (number, None)
        assert fleet.broken_guard(version, {}) is None
        assert os.sched_getaffinity(0) == before
        fleet.close()


def test_slots_share_the_memory_unless_the_goal_says_what_each_may_use(project: Checkout) -> None:
    project.write("solve.py", "import time\nheld = bytearray(60 * 2**20)\ntime.sleep(0.5)\nprint('loss: 1')\n")
    project.commit()
    many = Share(slots=int(psutil.virtual_memory().total / 2**20 / 20))  # So that each has 18 MiB.
    fleet, version = fleet_of(project, share=many)
    measured = fleet.measure(Task(version, 1, "candidate", 1))
    assert (measured.outcome, measured.reason) == ("crash", "the run used more than 18 MiB of memory and was ended")
    fleet.close()
    fleet, version = fleet_of(project, share=many, limits={"memory_mb": 1000})
    assert fleet.measure(Task(version, 1, "candidate", 1)).outcome == "ok"
    fleet.close()


def test_asked_to_stop_it_stops(project: Checkout) -> None:
    project.write("solve.py", "import time\ntime.sleep(60)\n")
    project.commit()
    fleet, version = fleet_of(project, stop=True)
    with pytest.raises(Interrupted):
        fleet.measure(Task(version, 1, "candidate", 1))


def test_only_folders_inside_the_project_are_linked(tmp_path: Path) -> None:
    assert linked_paths(["data", "/abs", "../beside", "~/home"], tmp_path) == {"data": tmp_path / "data"}
