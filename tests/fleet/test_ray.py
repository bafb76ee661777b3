"""Slots on a Ray cluster of several nodes: what travels, what is seen, and what happens when things die."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from overnight.errors import Interrupted, OvernightError, Trouble
from overnight.fleet.fleets import Fleet
from overnight.fleet.machine import machine_name, machine_type
from overnight.fleet.slot import Task
from overnight.ledger.records import Measured
from overnight.runs.sandbox import find_sandbox
from tests.fleet.outposts import Away, at_work, eventually
from tests.fleet.raycluster import Nodes, ray_cluster, ray_head

NAPS = "import os, time\nprint('begun by', os.getpid(), flush=True)\ntime.sleep(600)\n"


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """A cluster with one node that has `usual`."""
    with ray_cluster() as made:
        made.add(usual=4)
        yield made


@pytest.fixture
def opened() -> Iterator[Callable[[Fleet], Fleet]]:
    """Has fleets closed."""
    fleets: list[Fleet] = []

    def keep(fleet: Fleet) -> Fleet:
        fleets.append(fleet)
        return fleet

    yield keep
    for fleet in fleets:
        fleet.close()


Keep = Callable[[Fleet], Fleet]


def printed(away: Away, log: str = "1-candidate-1.log") -> str:
    place = away.logs / log
    return place.read_text() if place.exists() else ""


def test_runs_are_made_on_the_cluster_and_seen_here(
    nodes: Nodes, away: Away, opened: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_MODEL_KEY", "correct-horse")  # The machines are older than this.
    away.project.write("large.txt", secrets.token_hex(2**18))  # Goes through the object store.
    away.project.write("score.py", "import os\nprint('loss:', len(os.environ['MY_MODEL_KEY']) - 5)\n")
    away.project.commit()
    fleet = opened(
        away.open(
            find_sandbox(),
            fleet="ray",
            resources={"num_cpus": 2, "usual": 1},
            setup="echo 5 > data",
            read="data",
            score=f"{sys.executable} score.py",
            score_env="MY_MODEL_KEY",
            guards=["loss < 9", "grep -q 3 solve.py"],
        )
    )
    slot = fleet.slots[0]
    reads = away.candidate(
        "print('own:', open('data').read())\nprint('loss: -1')\nprint('api_key=abcdef7654210abcdef')\n"
    )
    measured = slot.measure(Task(reads, 3, "candidate", 11))
    assert (measured.number, measured.seed, measured.outcome, measured.value) == (3, 11, "ok", 8)
    assert measured.metrics["own"] == 5
    assert (measured.commit, measured.fingerprint) == (reads.commit, "candidate")
    assert (measured.machine, measured.machine_type) == (machine_name(), machine_type())
    assert measured.output == "sessions/s/logs/3-candidate-11.log"
    assert "own: 5" in printed(away, "3-candidate-11.log")
    assert "api_key=[redacted]" in printed(away, "3-candidate-11.log")
    assert "loss: 8" in printed(away, "3-candidate-11.score.log")
    slot.audit(reads)
    assert "`grep -q 3 solve.py` did not hold" in (slot.broken_guard(reads, {"loss": 8.0}) or "")
    assert slot.broken_guard(away.base, {"loss": 8.0}) is None
    fleet.close()
    assert not at_work(nodes.cache)
    assert not list(nodes.cache.rglob("work/run"))


def test_the_tail_is_streamed_and_an_interruption_leaves_nothing(nodes: Nodes, away: Away, opened: Keep) -> None:
    fleet = opened(away.open(fleet="ray", resources={"usual": 1}))
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(fleet.slots[0].measure, Task(away.candidate(NAPS), 1, "candidate", 1))
        assert eventually(lambda: "begun by" in printed(away))
        away.stop = True
        with pytest.raises(Interrupted):
            run.result()
    assert not [process for process in at_work(nodes.cache) if "work" in Path(process.cwd()).parts]
    away.stop = False
    assert fleet.slots[0].measure(Task(away.base, 1, "candidate", 2)).value == 3  # The slot is as good as new.
    fleet.close()
    assert not at_work(nodes.cache)


def test_a_node_that_dies_has_its_run_repeated_elsewhere_but_not_where_the_setup_fails(
    nodes: Nodes, away: Away, opened: Keep
) -> None:
    again, failing, fail = (nodes.folder / name for name in ("again", "failing", "fail"))
    program = (
        "import os, time\nprint('here', flush=True)\n"
        f"os.path.exists({str(again)!r}) or time.sleep(600)\nprint('loss: 2')\n"
    )
    setup = f'case "$XDG_CACHE_HOME" in *bad) touch {failing}; while [ ! -e {fail} ]; do sleep 0.1; done; exit 3;; esac'
    doomed = nodes.add(mortal=1)
    fleet = opened(away.open(fleet="ray", resources={"mortal": 1}, setup=setup))
    slot = fleet.slots[0]
    measured = slot.measure(Task(away.base, 0, "baseline", 1))
    assert measured.value == 3  # What goes wrong from here on is no mistake of ours.
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(slot.measure, Task(away.candidate(program), 1, "candidate", 1))
        assert eventually(lambda: "here" in printed(away))
        again.touch()
        nodes.kill(doomed)
        bad = nodes.add(env={"XDG_CACHE_HOME": str(nodes.folder / "bad")}, mortal=1)
        assert eventually(failing.exists)
        good = nodes.add(mortal=1)
        fail.touch()
        measured: Measured = run.result()
    assert (measured.outcome, measured.value) == ("ok", 2)
    assert measured.cut_off == ("its machine was lost",)
    assert printed(away) == "here\nloss: 2\n"
    fleet.close()
    for node in (bad, good):
        nodes.kill(node)


def test_a_run_that_takes_its_machine_down_each_time_is_a_crash(nodes: Nodes, away: Away, opened: Keep) -> None:
    slot = opened(away.open(fleet="ray", resources={"usual": 1})).slots[0]
    assert slot.measure(Task(away.base, 0, "baseline", 1)).value == 3
    hostile = (
        "import os, psutil, signal\nfor p in psutil.Process().parents()[:2]:\n    'ray' in p.name() and p.kill()\n"
    )
    measured = slot.measure(Task(away.candidate(hostile), 1, "candidate", 1))
    assert (measured.outcome, len(measured.cut_off)) == ("crash", 3)
    assert "its machine was lost while it ran, 3 times" in measured.reason
    assert slot.measure(Task(away.base, 0, "baseline", 2)).value == 3


def test_a_node_that_is_added_takes_work(nodes: Nodes, away: Away, opened: Keep) -> None:
    first = nodes.add(rare=1)
    fleet = opened(away.open(fleet="ray", slots=2, resources={"rare": 1}))
    with ThreadPoolExecutor(2) as threads:
        one, other = (
            threads.submit(slot.measure, Task(away.base, 1, "candidate", slot.number)) for slot in fleet.slots
        )
        assert eventually(lambda: one.done() or other.done())
        waiting = f"1-candidate-{int(one.done())}.log"
        assert eventually(lambda: "waiting for a machine" in printed(away, waiting))
        away.stop = True
        with pytest.raises(Interrupted):
            (other if one.done() else one).result()
        away.stop = False
        late = int(one.done())
        again = threads.submit(fleet.slots[late].measure, Task(away.base, 1, "candidate", late))
        second = nodes.add(rare=1)
        assert (again.result().value, again.result().slot) == (3, late)
    fleet.close()
    for node in (first, second):
        nodes.kill(node)


def test_only_machines_of_one_type_are_used(nodes: Nodes, away: Away, opened: Keep) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core is one type of machine")
    wide, narrow = nodes.add(mixed=2), nodes.add(cores=1, mixed=1)
    fleet = opened(away.open(fleet="ray", slots="auto", resources={"mixed": 1}))
    assert len(fleet.slots) == 2
    fleet.close()
    of_narrow = machine_type().replace(f"{len(os.sched_getaffinity(0))} cores", "1 core")
    fleet = opened(away.open(fleet="ray", slots="auto", resources={"mixed": 1}, machine_type=of_narrow))
    assert [slot.measure(Task(away.base, 0, "baseline", 1)).machine_type for slot in fleet.slots] == [of_narrow]
    with pytest.raises(OvernightError, match="of the type that measured the baseline"):
        away.open(fleet="ray", resources={"mixed": 1}, machine_type="a Cray")
    # A node of another type that comes later is not used either.
    nodes.kill(narrow)
    late = nodes.add(mixed=1)
    narrow = nodes.add(cores=1, mixed=1)
    assert fleet.slots[0].measure(Task(away.base, 0, "baseline", 2)).machine_type == of_narrow
    fleet.close()
    for node in (wide, late, narrow):
        nodes.kill(node)


LOOKS = """
import os, socket
found = [name for name in os.environ if name.startswith("RAY")]
found += [place for place in ({folder!r}, "/tmp/ray") if os.path.exists(place)]
found += os.listdir("/dev/shm")
host, port = {address!r}.split(":")
found += ["the head"] * (socket.socket().connect_ex((host, int(port))) == 0)
print("found:", found)
print("loss:", len(found))
"""


def test_a_run_finds_nothing_of_ray_in_its_room(nodes: Nodes, away: Away, opened: Keep) -> None:
    sandbox = find_sandbox()
    if sandbox is None:
        pytest.skip("there is no sandbox on this machine")
    looks = away.candidate(LOOKS.format(folder=str(nodes.folder / "ray"), address=nodes.address))
    slot = opened(away.open(sandbox, fleet="ray", resources={"usual": 1})).slots[0]
    assert slot.measure(Task(looks, 1, "candidate", 1)).value == 0, printed(away)


SESSION = """
import sys
from pathlib import Path
from overnight.fleet.slot import Task
from tests.checkout import Checkout
from tests.fleet.outposts import Away
away = Away(Checkout(Path(sys.argv[1])))
fleet = away.open(fleet="ray", resources={"usual": 1})
fleet.slots[0].measure(Task(away.candidate(sys.argv[2]), 1, "candidate", 1))
"""


def test_a_killed_session_leaves_nothing_at_work(nodes: Nodes, away: Away) -> None:
    command = [sys.executable, "-c", SESSION, str(away.project.folder), NAPS]
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) as session:
        assert eventually(lambda: "begun by" in printed(away))
        beside = psutil.Process(session.pid).children()
        session.send_signal(signal.SIGKILL)
    assert eventually(lambda: not at_work(nodes.cache))
    assert eventually(lambda: not any(map(is_at_work, beside)))


def is_at_work(process: psutil.Process) -> bool:
    """Whether it is alive; one that has ended may stay a zombie until whoever has adopted it looks."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_cannot_work_is_said_at_once(
    nodes: Nodes, away: Away, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "older" / "overnight").mkdir(parents=True)
    (tmp_path / "older" / "overnight" / "__init__.py").touch()
    older = nodes.add(env={"PYTHONPATH": str(tmp_path / "older")}, old=1)
    with pytest.raises(OvernightError, match=r"lacks this version of Overnight .*; install it there"):
        away.open(fleet="ray", resources={"old": 1})
    nodes.kill(older)
    with pytest.raises(OvernightError, match=r"no machine of the Ray cluster has num_cpus: 1, gold: 1; look"):
        away.open(fleet="ray", resources={"gold": 1})
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", nobody)
    with pytest.raises(OvernightError, match=r"cannot be reached.*Start one \(`ray start --head`\)") as error:
        away.open(fleet="ray")
    assert not isinstance(error.value, Trouble)


def test_a_head_that_dies_is_trouble_until_there_is_one_again(away: Away, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("RAY_CLIENT_RECONNECT_GRACE_PERIOD", "2")  # Seconds; Ray would wait for half a minute.
    settings = {"fleet": f"ray://127.0.0.1:{port}", "resources": {"usual": 1}}
    with ray_head(port, usual=1) as kill:
        assert eventually(lambda: is_open(port))
        fleet = away.open(**settings)
        with ThreadPoolExecutor(1) as thread:
            run = thread.submit(fleet.slots[0].measure, Task(away.candidate(NAPS), 1, "candidate", 1))
            assert eventually(lambda: "begun by" in printed(away))
            kill()
            with pytest.raises(Trouble, match="the Ray cluster"):
                run.result()
        fleet.close()
        with pytest.raises(Trouble, match="cannot be reached"):
            away.open(**settings, machine_type=machine_type())
    with ray_head(port, usual=1):
        assert eventually(lambda: is_open(port))
        fleet = away.open(**settings, machine_type=machine_type())
        assert fleet.slots[0].measure(Task(away.base, 1, "candidate", 1)).value == 3
        fleet.close()


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
