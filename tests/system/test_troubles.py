"""Long-lived troubles are lived with: the session waits, says so, goes on by itself, and nothing is counted twice."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from tests.system.conftest import AGENT, SOLVE, Project
from tests.system.test_mistakes import wait_for


def troubles(project: Project) -> list[tuple[str, str]]:
    """What was wrong, in order: the kind and the reason."""
    ledger = sqlite3.connect(project.folder / ".overnight" / "ledger.db")
    sql = "SELECT payload ->> 'what', payload ->> 'reason' FROM events WHERE kind = 'troubled' ORDER BY id"
    return list(ledger.execute(sql))


def waited(project: Project) -> list[float]:
    """Seconds of each pause."""
    ledger = sqlite3.connect(project.folder / ".overnight" / "ledger.db")
    sql = "SELECT payload ->> 'pause' FROM events WHERE kind = 'troubled' ORDER BY id"
    return [float(pause) for (pause,) in ledger.execute(sql)]


def count(project: Project, kind: str) -> int:
    """How many records of a kind there are by now."""
    path = project.folder / ".overnight" / "ledger.db"
    try:
        sql = "SELECT count(*) FROM events WHERE kind = ?"
        return int(sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute(sql, (kind,)).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def guests_of(pid: int) -> list[psutil.Process]:
    """What a loop has started, but for its keeper."""
    found = []
    for one in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "leftovers" not in " ".join(one.cmdline()):
                found.append(one)
    return found


def is_running(guests: list[psutil.Process]) -> bool:
    """Whether any of them still does something."""
    alive = []
    for one in guests:
        with contextlib.suppress(psutil.Error):
            alive += [one] if one.is_running() and one.status() != psutil.STATUS_ZOMBIE else []
    return bool(alive)


def test_an_agent_that_is_down_for_a_while_costs_no_experiment(project: Project, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    down = f'echo >> {calls}; case $(wc -l < {calls}) in 2|3) echo "connection refused" >&2; exit 1;; esac\n'
    project.write("agent.sh", down + AGENT)
    project.commit()
    said = project.ok("run", "--no-sandbox", "--experiments", "3")
    assert [record["verdict"] for record in project.log()] == ["baseline", *["keep"] * 3]
    why = "the agent could not work: its service does not answer: connection refused"
    assert troubles(project) == [("agent", why)] * 2
    assert "nothing is lost, next try at" in said
    status = project.status()
    assert (status["state"], status["troubles"]) == ("finished", {"agent": 2})


def test_retry_after_is_respected(project: Project, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    once = f'test $(wc -l < {calls}) = 1 && echo "429 Too Many Requests, retry-after: 4" && exit 0\n'
    project.write("agent.sh", f"date +%s.%N >> {calls}; {once}{AGENT}")
    project.commit()
    project.ok("run", "--no-sandbox", "--experiments", "1")
    first, second = map(float, calls.read_text().split())
    assert second - first >= 4
    assert [record["verdict"] for record in project.log()] == ["baseline", "keep"]


def test_an_agent_that_never_worked_is_a_mistake_in_the_setup(project: Project) -> None:
    project.write("agent.sh", "echo 'you are not logged in'; exit 7\n")
    project.commit()
    said = project.refused("run", "--experiments", "500")
    assert "its key was refused, or it is not logged in" in said
    assert "you are not logged in" in said
    assert project.status()["experiments"] == 0
    project.write("agent.sh", AGENT)
    project.commit()
    project.ok("run", "--new", "--experiments", "1")


def test_an_agent_that_is_killed_is_asked_again_whatever_it_had_changed(project: Project, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    killed = f'echo >> {calls}; test $(wc -l < {calls}) = 1 && echo "KNOB = 999" > solve.py && kill -9 $$\n'
    project.write("agent.sh", killed + AGENT)
    project.commit()
    project.ok("run", "--no-sandbox", "--experiments", "1")
    assert [record["metric"] for record in project.log()] == [27, 24]
    assert [kind for kind, _ in troubles(project)] == ["agent"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_somebody_kills_is_made_again(project: Project, tmp_path: Path, number: signal.Signals) -> None:
    runs = tmp_path / "runs"
    kill = f"import os, pathlib\nruns = pathlib.Path({str(runs)!r})\nruns.open('a').write('x')\n"
    # The fourth run is the first candidate's.
    kill += f"if runs.read_text() == 'xxxx': os.kill(os.getpid(), {int(number)})\n"
    project.write("solve.py", SOLVE + kill)
    project.commit()
    project.ok("run", "--no-sandbox", "--experiments", "1")
    assert [record["verdict"] for record in project.log()] == ["baseline", "keep"]
    assert len(runs.read_text()) == 5


def test_a_candidate_that_is_killed_each_time_has_crashed(project: Project) -> None:
    project.write("agent.sh", "echo 'import os; os.kill(os.getpid(), 9)' >> solve.py\n")
    project.commit()
    project.ok("run", "--experiments", "1")
    assert project.log()[1]["verdict"] == "crash"
    assert "SIGKILL (out of memory?)" in project.log()[1]["reason"]


def test_a_run_during_which_the_machine_slept_is_made_again(project: Project, tmp_path: Path) -> None:
    started = tmp_path / "started"
    wait = f"open({str(started)!r}, 'a').write('x')\nimport time\ntime.sleep(1)\n"
    project.write("solve.py", SOLVE + wait)
    project.commit()
    process = project.start("run", "--plain", "--no-sandbox", "--experiments", "1")
    wait_for(lambda: started.exists() and started.read_text() == "xxxx")
    everyone = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in everyone:
        one.suspend()
    time.sleep(4)
    for one in reversed(everyone):
        one.resume()
    assert process.wait(60) == 0
    assert started.read_text() == "x" * 5
    assert [record["verdict"] for record in project.log()] == ["baseline", "keep"]
    ledger = sqlite3.connect(project.folder / ".overnight" / "ledger.db")
    sql = "SELECT payload ->> 'cut_off' FROM events WHERE kind = 'measured' ORDER BY id DESC LIMIT 1"
    assert ledger.execute(sql).fetchone() == ('["the machine slept"]',)


def test_a_lost_gpu_is_waited_for_and_a_candidates_own_crash_is_not(project: Project, tmp_path: Path) -> None:
    lost = tmp_path / "lost"
    words = "CUDA error: no CUDA-capable device is detected"
    gpu = f"import os\nif os.path.exists({str(lost)!r}): raise SystemExit('{words}')\n"
    project.write("solve.py", SOLVE.replace("print(", gpu + "print("))
    number, rest = AGENT.split("\n", 1)
    # The second proposal only says that the driver is at fault. While the third is made, the GPU is lost.
    liar = "test $n = 2 && echo 'raise SystemExit(\"NVML: Driver/library version mismatch\")' > solve.py && exit 0\n"
    project.write("agent.sh", f"{number}\n{liar}test $n = 3 && touch {lost}\n{rest}")
    project.commit()
    process = project.start("run", "--plain", "--no-sandbox", "--experiments", "4")
    wait_for(lambda: count(project, "troubled") >= 2)
    pauses = waited(project)
    assert pauses[1] > pauses[0], "a trouble that stays is asked about less and less often"
    lost.unlink()
    assert process.wait(60) == 0
    assert [record["verdict"] for record in project.log()] == ["baseline", "keep", "crash", "keep", "keep"]
    assert {kind for kind, _ in troubles(project)} == {"machine"}
    assert "the incumbent, which ran before, fails now as the candidate did" in troubles(project)[0][1]


def test_a_full_disk_is_waited_for(project: Project) -> None:
    disk = project.folder / ".overnight"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "none", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a disk of its own needs the right to mount one")
    try:
        ballast = disk / "ballast"
        project.write("solve.py", SOLVE + "print('x' * 600_000)\n")
        project.commit()
        ballast.write_bytes(b"x" * 4 * 2**20)
        process = project.start("run", "--plain", "--experiments", "2")
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if "nothing is lost, next try at" in line:
                break
        else:
            pytest.fail("".join(said))
        ballast.unlink()
        assert process.wait(90) == 0
        assert [record["verdict"] for record in project.log()] == ["baseline", "keep", "keep"]
        assert {kind for kind, _ in troubles(project)} <= {"disk"}, troubles(
            project
        )  # It may not even have had the room to write it.
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_interrupted_while_it_waits(project: Project, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    project.write("agent.sh", f"test -e {calls} && echo 'rate limit; retry in 3h' && exit 1\ntouch {calls}\n" + AGENT)
    project.commit()
    process = project.start("run", "--plain", "--no-sandbox")
    wait_for(lambda: count(project, "troubled") >= 1)
    assert "waits        the agent could not work: it has reached its limit" in project.ok("status")
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert project.status()["state"] == "stopped"


def test_git_gc_and_the_users_own_work_while_it_runs(project: Project) -> None:
    project.write("solve.py", SOLVE + "import time; time.sleep(0.2)\n")
    project.commit()
    process = project.start("run", "--plain", "--no-sandbox")
    rounds = healthy = 0
    while process.poll() is None:
        rounds += 1
        gc = subprocess.run(
            ["git", "gc", "--quiet", "--prune=now"], cwd=project.folder, check=False, capture_output=True
        )
        healthy += gc.returncode == 0  # It may see a ref whose object it has just taken: we put both there anew.
        project.write("notes.txt", f"{rounds}")
        project.git("add", "notes.txt")
        project.git("commit", "-q", "-m", f"mine {rounds}")
        project.git("switch", "-q", "-c", f"topic-{rounds}")
        project.git("rebase", "-q", "main")
    assert process.returncode == 0
    assert healthy >= 2
    assert project.git("fsck", "--no-dangling") == ""
    log = project.log()
    assert [record["verdict"] for record in log] == ["baseline", *["keep"] * 9, *["discard"] * 3]
    session = project.status()["session"]
    assert project.git("rev-parse", f"overnight/{session}").strip() == log[9]["commit"]
    assert project.git("status", "--porcelain") == ""


def test_a_user_who_stands_on_the_branch_keeps_what_they_see(project: Project) -> None:
    project.write("solve.py", SOLVE + "import time; time.sleep(0.4)\n")
    project.commit()
    process = project.start("run", "--plain", "--no-sandbox", "--experiments", "6")
    wait_for(lambda: count(project, "judged") >= 3)
    session = project.status()["session"]
    project.git("switch", "-q", f"overnight/{session}")
    project.write("mine.txt", "a commit of the user's on our branch")
    project.git("add", "mine.txt")
    project.git("commit", "-q", "-m", "mine")
    mine = project.git("rev-parse", "HEAD").strip()
    assert process.wait(60) == 0
    assert project.git("rev-parse", "HEAD").strip() == mine
    assert project.git("status", "--porcelain") == ""
    assert process.stdout is not None
    assert "is checked out, so it was not moved" in process.stdout.read()
    project.git("switch", "-q", "main")
    project.ok("run", "--no-sandbox", "--experiments", "7")
    assert project.git("rev-parse", f"overnight/{session}").strip() == project.log()[7]["commit"]
    assert project.git("rev-parse", f"overnight/{session}-yours-{mine[:7]}").strip() == mine


def test_what_a_killed_loop_was_running_ends_with_it(project: Project) -> None:
    project.write("solve.py", SOLVE + "import time; time.sleep(60)\n")
    project.commit()
    process = project.start("run", "--plain", "--no-sandbox")
    wait_for(lambda: bool(guests_of(process.pid)))
    time.sleep(0.5)
    guests = guests_of(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_for(lambda: not is_running(guests))
    wait_for(lambda: not (project.folder / ".overnight" / "work").exists())


def test_the_next_session_ends_what_two_killed_processes_left(project: Project) -> None:
    project.write("solve.py", SOLVE + "import time; time.sleep(60)\n")
    project.commit()
    process = project.start("run", "--plain", "--no-sandbox")
    wait_for(lambda: bool(guests_of(process.pid)))
    time.sleep(0.5)
    guests = guests_of(process.pid)
    keeper = [one for one in psutil.Process(process.pid).children() if one not in guests]
    assert len(keeper) == 1
    keeper[0].kill()
    process.kill()
    process.wait()
    assert is_running(guests)
    second = project.start("run", "--plain", "--no-sandbox")
    wait_for(lambda: not is_running(guests))
    second.send_signal(signal.SIGINT)
    assert second.wait(30) == 130


def test_cost_is_a_stop_rule(project: Project) -> None:
    project.write("agent.sh", AGENT + "echo 'cost: 0.4'\n")
    project.set(stop="{cost: 1}")
    project.commit()
    assert "3 experiments" in project.ok("run")
    assert project.status()["reason"] == "the proposals have cost $1.20 of $1.00"
    assert project.status()["cost"] == pytest.approx(1.2)
