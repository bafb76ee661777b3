"""Real processes, well-behaved and not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from overnight.errors import Interrupted
from overnight.runs.output import Output
from overnight.runs.process import GRACE_SECONDS, Ended, run_process
from overnight.runs.sandbox import Limits, NoSandbox, Room, Sandbox
from overnight.runs.tools import tool_paths

Run = Callable[..., Ended]


def room_in(folder: Path, limits: Limits | None = None) -> Room:
    """A room with Python in it."""
    return Room(folder, sees=tool_paths(sys.executable, Path("/nowhere")), writes=(folder,), limits=limits)


@pytest.fixture
def run(tmp_path: Path, sandbox: Sandbox) -> Run:
    """Runs a shell command, or a Python program given as text, in a folder of its own."""

    def start(
        command: str,
        *,
        limit: float = 20.0,
        should_stop: Callable[[], bool] = lambda: False,
        limits: Limits | None = None,
    ) -> Ended:
        if "\n" in command:
            (tmp_path / "program.py").write_text(textwrap.dedent(command))
            command = f"exec {sys.executable} program.py"
        with Output(tmp_path / "output.log") as output:
            return run_process(
                command,
                room=room_in(tmp_path, limits),
                sandbox=sandbox,
                env=dict(os.environ),
                limit=limit,
                output=output,
                should_stop=should_stop,
            )

    return start


SETSID = (  # The program of that name, which macOS lacks.
    f"{sys.executable} -c "
    "'import os, sys; os.fork() and os._exit(0); os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])'"
)


def alive(mark: str) -> list[int]:
    """The processes with this word in their command line."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        if mark in (process.info["cmdline"] or []) and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process.pid)
    return found


def test_how_it_ended(run: Run) -> None:
    assert (run("exit 0").exit_code, run("exit 3").exit_code) == (0, 3)
    ended = run("kill -SEGV $$")
    assert (ended.exit_code, ended.signal, ended.forced) == (None, signal.SIGSEGV, False)


def test_where_the_kernel_offers_neither_pidfd_nor_waitid(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS: the process is asked again and again instead."""
    monkeypatch.setattr("overnight.runs.process._pidfd_of", lambda pid: None)
    monkeypatch.delattr(os, "waitid")
    assert (run("exit 0").exit_code, run("exit 3").exit_code) == (0, 3)
    assert run("sleep 60", limit=0.3).forced


def test_everything_printed_is_read_also_what_came_just_before_the_end(run: Run, tmp_path: Path) -> None:
    run("echo out; echo err >&2; head -c 300000 /dev/zero | tr '\\0' x; echo end")
    content = (tmp_path / "output.log").read_text()
    assert "err" in content
    assert len(content) == 300_000 + len("out\nerr\nend\n")


def test_time_and_memory_are_those_of_the_whole_tree(run: Run) -> None:
    ended = run(
        """
        import subprocess, sys, time
        child = "import time\\nblock = bytearray(150 * 2**20)\\nwhile time.process_time() < 0.5: pass\\ntime.sleep(0.4)"
        subprocess.run([sys.executable, "-c", child])
        """
    )
    assert ended.exit_code == 0
    assert 150 < ended.peak_mb < 400
    assert 0.5 < ended.cpu_seconds < 5
    assert ended.wall_seconds > 0.9


def test_time_of_a_child_that_nobody_waits_for_counts_too(run: Run) -> None:
    ended = run(
        """
        import os, signal, time
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        ready, done = os.pipe()
        if os.fork() == 0:
            while time.process_time() < 0.6:
                pass
            os._exit(0)
        os.close(done)
        os.read(ready, 1)
        """
    )
    assert ended.exit_code == 0
    assert 0.35 < ended.cpu_seconds < 5


def test_a_run_at_its_limit_may_finish_within_the_grace(run: Run, tmp_path: Path) -> None:
    ended = run(
        """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: (print("loss: 1", flush=True), sys.exit(7)))
        time.sleep(60)
        """,
        limit=1.0,
    )
    assert ended.forced
    assert ended.exit_code == 7
    assert "loss: 1" in (tmp_path / "output.log").read_text()


def test_one_that_ignores_sigterm_is_killed(run: Run) -> None:
    started = time.monotonic()
    ended = run("trap '' TERM; while :; do sleep 0.1; done", limit=0.5)
    assert ended.forced
    assert ended.signal == signal.SIGKILL
    assert time.monotonic() - started < 0.5 + GRACE_SECONDS + 5


@pytest.mark.parametrize(
    "escape",
    [
        "sleep {mark} & exit 0",
        "{setsid} sleep {mark}; sleep 0.3",
        '{setsid} sh -c "sleep {mark} & trap : TERM; sleep {mark}" >/dev/null 2>&1; sleep 0.5',
        "(trap '' TERM HUP; sleep {mark}) & sleep 0.1; exit 1",
    ],
)
def test_nobody_gets_away(run: Run, escape: str) -> None:
    mark = f"9{os.getpid()}.{len(escape)}"
    started = time.monotonic()
    run(escape.format(mark=mark, setsid=SETSID))
    assert alive(mark) == []
    assert time.monotonic() - started < 10


def test_a_forest_that_keeps_forking_is_ended(run: Run) -> None:
    mark = f"8{os.getpid()}"
    run(
        f"""
        import os, subprocess, time
        for _ in range(15):
            if os.fork() == 0:
                os.setsid()
                while True:
                    subprocess.Popen(["sleep", "{mark}"], start_new_session=True)
                    time.sleep(0.02)
        time.sleep(60)
        """,
        limit=0.7,
    )
    assert alive(mark) == []


def test_other_children_of_the_program_are_left_alone(run: Run) -> None:
    with subprocess.Popen(["sleep", "30"]) as stranger:
        run("sleep 60", limit=0.3)
        assert stranger.poll() is None
        stranger.kill()


def test_a_flood_costs_no_memory(run: Run, tmp_path: Path) -> None:
    before = psutil.Process().memory_info().rss
    ended = run("head -c 1000000000 /dev/zero", limit=60)
    assert ended.exit_code == 0
    assert (tmp_path / "output.log").stat().st_size < 11 * 2**20
    assert psutil.Process().memory_info().rss - before < 60 * 2**20


def test_interrupted_it_ends_the_run(run: Run) -> None:
    mark = f"7{os.getpid()}"
    since = time.monotonic()
    with pytest.raises(Interrupted):
        run(f"{SETSID} sleep {mark}; sleep {mark}", should_stop=lambda: time.monotonic() - since > 0.5)
    assert alive(mark) == []


def test_a_disk_that_fills_ends_the_run_too(tmp_path: Path) -> None:
    mark = f"6{os.getpid()}"
    with pytest.raises(OSError, match="No space left"), Output(Path("/dev/full")) as output:
        run_process(
            f"sleep {mark} & echo hello; sleep {mark}",
            room=room_in(tmp_path), sandbox=NoSandbox(), env=dict(os.environ), limit=20, output=output,
            should_stop=lambda: False,
        )  # fmt: skip
    assert alive(mark) == []


@pytest.mark.parametrize(
    ("program", "limits", "beyond"),
    [
        ("held = [bytearray(2**20) for _ in range(400)]", Limits(200, 50, 100), "used more than 200 MiB of memory"),
        (
            "import subprocess\nfor _ in range(30): subprocess.Popen(['sleep', '30'])",
            Limits(2000, 20, 100),
            "had more than 20 processes",
        ),
        (
            "for n in range(40): open(f'{n}.bin', 'wb').write(bytes(2**20))",
            Limits(2000, 50, 20),
            "wrote more than 20 MiB or 200,000 files",
        ),
    ],
)
def test_beyond_its_limits_it_is_ended(run: Run, program: str, limits: Limits, beyond: str) -> None:
    ended = run(f"import time\n{program}\ntime.sleep(30)\n", limits=limits)
    assert (ended.beyond, ended.forced) == (beyond, False)
    assert ended.wall_seconds < 20
