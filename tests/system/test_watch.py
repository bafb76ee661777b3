"""A night watched from another terminal: the same lines, nothing disturbed, and a terminal that is a real one."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from tests.system.conftest import OVERNIGHT, Project
from tests.system.test_steering import an_exact_night, ask, until

_COLOUR = re.compile(r"\x1b\[[0-9;]*(3[0-7]|9[0-7])m")


def begin(project: Project, *arguments: str) -> subprocess.Popen[str]:
    running = project.start("run", "--plain", *arguments)
    until((project.folder / ".overnight" / "now.json").exists, "it never began")
    return running


def test_it_shows_what_the_session_itself_shows(project: Project) -> None:
    an_exact_night(project, seconds="1")
    running = begin(project)
    watching = project.start("watch", "--plain")
    assert watching.stdout is not None
    assert "Session" in watching.stdout.readline()
    until(lambda: project.status()["experiments"] >= 2, "nothing was tried")
    ask(project, "hint", text="more")
    said, seen = running.communicate(timeout=60)[0], watching.communicate(timeout=60)[0]
    assert (running.returncode, watching.returncode) == (0, 0)
    told = [line for line in said.splitlines() if "  keep " in line or "hint" in line]
    assert [line for line in seen.splitlines() if "  keep " in line or "hint" in line] == told
    assert seen.splitlines()[-1] == "Finished: all 5 experiments are done"


def test_who_stops_watching_stops_nothing_else(project: Project) -> None:
    an_exact_night(project, seconds="1")
    running = begin(project)
    watching = project.start("watch", "--plain")
    assert watching.stdout is not None
    assert "Session" in watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    assert watching.wait(30) == 0
    assert running.wait(60) == 0
    assert project.status()["experiments"] == 5


def test_a_session_that_is_killed_is_said_to_be(project: Project) -> None:
    an_exact_night(project, seconds="2")
    running = begin(project)
    watching = project.start("watch", "--plain")
    assert watching.stdout is not None
    assert "Session" in watching.stdout.readline()
    running.kill()
    assert "The session was killed" in watching.communicate(timeout=60)[0]
    assert "nobody is at work here" in project.refused("watch")


@pytest.mark.parametrize("colour", [True, False])
def test_a_narrow_terminal_and_one_that_wants_no_colour(project: Project, colour: bool) -> None:
    an_exact_night(project, seconds="0.3")
    shown = in_a_terminal(project, 32, {} if colour else {"NO_COLOR": "1"}, "run")
    assert bool(_COLOUR.search(shown)) == colour
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    verdicts = [line for line in re.split(r"[\r\n]+", plain) if re.match(r" +\d  keep ", line)]
    assert [int(line.split()[0]) for line in verdicts] == [1, 2, 3, 4, 5], "each stands there once, in one line"
    assert all(len(line) <= 32 for line in verdicts)


def in_a_terminal(project: Project, width: int, env: dict[str, str], *arguments: str) -> str:
    """All that a command writes to a terminal of that many columns."""
    own, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    known = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS", "LINES")}
    running = subprocess.Popen(
        [*OVERNIGHT, *arguments],
        cwd=project.folder,
        stdin=its,
        stdout=its,
        stderr=its,
        env={**known, "TERM": "xterm-256color", **env},
    )
    os.close(its)
    shown, patience = b"", time.monotonic() + 60
    while time.monotonic() < patience:
        if select.select([own], [], [], 0.5)[0]:
            try:
                shown += os.read(own, 1 << 16)
            except OSError:  # It has ended.
                break
    assert running.wait(10) == 0, shown.decode(errors="replace")
    os.close(own)
    return shown.decode(errors="replace")


def test_status_says_what_is_going_on_now(project: Project) -> None:
    an_exact_night(project, seconds="15")
    running = begin(project)
    told = re.compile(r"^now          experiment \d: measuring [a-z ]+, \d+ s of 20 s$", re.MULTILINE)
    until(lambda: told.search(project.ok("status")), "status never said what it is doing")
    running.terminate()
    running.wait(60)
    assert "now " not in project.ok("status")
