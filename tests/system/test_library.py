"""Overnight from Python. The examples are those of docs/library.md, run as they stand there."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import psutil
import pytest

import overnight
from overnight import (
    AlreadyFinished,
    RunFinished,
    RunStarted,
    Session,
    SessionClosed,
    SessionError,
    SessionEvent,
    SessionOpened,
)
from overnight.loop.state import State
from tests.system.conftest import Install, Project
from tests.system.test_proposers import records

PAGE = Path(__file__).parents[2] / "docs" / "library.md"
_FENCE = re.compile(r'^```(?P<language>\w+)(?: title="(?P<title>.+?)")?\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code on the page."""

    language: str
    title: str
    text: str


def blocks(heading: str) -> list[Block]:
    """Those under a heading."""
    section = re.split(r"^#+ ", PAGE.read_text(), flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(f"{heading}\n"))
    return [Block(found["language"], found["title"] or "", found["text"]) for found in _FENCE.finditer(text)]


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The user works in the project's folder."""
    monkeypatch.chdir(project.folder)
    return project


def follow(heading: str, install: Install, project: Project) -> None:
    """Do what the page says under a heading: install the package, and set the goal."""
    shown = {block.title: block.text for block in blocks(heading)}
    key, value = shown.pop("goal.md").strip().split(": ")
    install(shown)
    project.set(**{key: value})
    project.commit()


def is_at_rest(project: Project) -> bool:
    """Whether nobody is at work, and nothing is left of what was."""
    state = State.of(project.folder)
    about = [line for process in psutil.process_iter(["cmdline"]) for line in process.info["cmdline"] or ()]
    return state.holder() is None and not state.work.exists() and not any(str(state.folder) in line for line in about)


def test_every_name_is_there_and_found_by_completion() -> None:
    assert dir(overnight) == sorted(overnight.__all__)
    assert all(getattr(overnight, name) is not None for name in overnight.__all__)
    events = {kind.__name__ for kind in get_args(overnight.SessionEvent)}
    assert events < set(overnight.__all__)
    assert events == set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.+?) \|", PAGE.read_text(), re.MULTILINE))))


def test_a_night_event_by_event(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    example, _ = blocks("One night, event by event")
    exec(example.text, {})
    *lines, last = capsys.readouterr().out.splitlines()
    log = here.log()
    assert lines == [f"{row['number']} {row['verdict']} {row['metric']} {row['hypothesis']}" for row in log]
    assert [row["verdict"] for row in log] == ["baseline", *["keep"] * 3]
    assert last.startswith("Overnight ran 3 experiments in ")
    assert here.status()["state"] == "finished"
    assert is_at_rest(here)
    here.ok("run", "--experiments", "4")
    assert [row["number"] for row in here.log()] == [0, 1, 2, 3, 4], "the command line goes on with it"


def test_callbacks_and_results(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("Callbacks, and the results as a table")
    names: dict[str, Any] = {}
    exec(example.text, names)
    said = capsys.readouterr().out.splitlines()
    assert sum(line.endswith(" s") for line in said) == 6
    assert [line for line in said if line.startswith("better by")] == ["better by 3"] * 3
    assert [float(line) for line in said[-2:]] == [3.0, pytest.approx(100 * 9 / 27)]
    assert names["rows"] == here.log()
    session: Session = names["session"]
    assert session.summary().as_json().items() <= here.status().items()
    assert "kept 3" in session.summary()._repr_html_()
    assert session.work() == session.summary(), "there is nothing left to do"
    with pytest.raises(AlreadyFinished):
        list(session.run())


def test_a_proposer_of_ones_own(here: Project, install: Install) -> None:
    follow("A proposer", install, here)
    here.ok("run", "--experiments", "2")
    log = here.log()
    assert [row["verdict"] for row in log] == ["baseline", "discard", "no_change"]
    assert [row["proposer"] for row in log] == ["", "halving", "halving"]
    assert log[1]["metric"] == 32, "half of 10 is 5, and 37 would be right"
    assert "this was tried before" in log[2]["reason"]


NOISY = "import os\nnoise = int(os.environ['OVERNIGHT_SEED']) % 1000 / 1000\n"
"""The noise of a run, the same for the same seed."""


def test_a_judge_of_ones_own_says_the_same_after_each_interruption(here: Project, install: Install) -> None:
    here.write("solve.py", f"KNOB = 10\n{NOISY}print('loss:', abs(KNOB - 37) + noise)\n")
    follow("A judge", install, here)
    told = Session("goal.md", experiments=2, new=True).work()
    assert told.kept == 2
    whole = Session("goal.md").experiments()
    assert [row["reason"] for row in whole[1:]] == [
        "kept by the judge 'careful': better by 3 in 3 pairs of runs",
    ] * 2
    assert [whole[1][key] for key in ("gain", "gain_low", "gain_high", "runs")] == pytest.approx([3, 3, 3, 6])
    session, breaks = Session("goal.md", experiments=2, new=True), 0
    is_over = False
    while not is_over:
        finished = 0
        for event in session.run():
            finished += isinstance(event, RunFinished) and event.measured.number > 0
            is_over = isinstance(event, SessionClosed)
            if finished == 5:  # In the middle of a pair.
                breaks += 1
                break
    assert breaks == 2
    again = session.experiments()
    timeless = {"seconds", "commit", "peak_mb"}
    assert [{key: row[key] for key in row.keys() - timeless} for row in again] == [
        {key: row[key] for key in row.keys() - timeless} for row in whole
    ]
    assert is_at_rest(here)


def test_a_fleet_of_ones_own(here: Project, install: Install) -> None:
    follow("A fleet", install, here)
    here.write("BUSY", "")
    session = Session("goal.md", experiments=1)
    waits = threading.Event()
    session.on(RunStarted, lambda _: waits.set())
    with ThreadPoolExecutor(1) as elsewhere:
        done = elsewhere.submit(session.work)
        assert waits.wait(60)
        session.request_stop()
        assert done.result(60).state == "stopped"
        assert session.experiments() == []
        (here.folder / "BUSY").unlink()
        assert elsewhere.submit(session.work).result(60).kept == 1
    assert [run["slot"] for run in records(here, "measured")] == [0] * 4
    assert is_at_rest(here)


SLOW = "KNOB = 10\nimport time\ntime.sleep(0 if KNOB == 10 else 300)\nprint('loss:', 37 - KNOB)\n"
"""Only the baseline ends in time."""


@pytest.fixture
def slow(here: Project) -> Project:
    """Experiments that do not end by themselves."""
    here.write("solve.py", SLOW)
    here.set(budget="10m")
    here.commit()
    return here


def leave(event: RunStarted) -> None:
    """An error in the user's own code."""
    if event.number > 0:
        raise ZeroDivisionError


@pytest.mark.parametrize("way", ["break", "exception", "callback"])
def test_whoever_leaves_early_leaves_nothing_behind(slow: Project, way: str) -> None:
    session = Session("goal.md", experiments=1)
    if way == "callback":
        session.on(RunStarted, leave)
    with contextlib.nullcontext() if way == "break" else pytest.raises(ZeroDivisionError):
        for event in session.run():
            if isinstance(event, RunStarted) and event.number > 0:
                if way == "exception":
                    leave(event)
                break
    assert is_at_rest(slow)
    summary = session.summary()
    assert (summary.state, summary.last_reason, summary.failed) == ("stopped", "interrupted", False)


def test_ctrl_c_in_a_notebook(slow: Project) -> None:
    session = Session("goal.md", experiments=1)

    async def cell() -> list[SessionEvent]:
        told = []
        for event in session.run():
            told.append(event)
            if isinstance(event, RunStarted) and event.number > 0:
                interrupt.start()
        return told

    # As a kernel has it: an event loop that runs, and an interrupt that is raised wherever the cell is.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupt = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    loop = asyncio.new_event_loop()
    try:
        told = loop.run_until_complete(cell())
    finally:
        loop.close()
        signal.signal(signal.SIGINT, before)
    assert told[-1] == SessionClosed(finished=False, reason="interrupted")
    assert is_at_rest(slow)


def test_a_task_that_is_cancelled(slow: Project) -> None:
    _, example = blocks("One night, event by event")
    names: dict[str, Any] = {}
    exec(example.text, names)
    session = Session("goal.md", experiments=1)

    async def program() -> None:
        night = asyncio.create_task(names["night"](session))
        loop = asyncio.get_running_loop()
        session.on(RunStarted, lambda event: event.number > 0 and loop.call_soon_threadsafe(night.cancel))
        with pytest.raises(asyncio.CancelledError):
            await night

    asyncio.run(program())  # It waits for its threads.
    assert is_at_rest(slow)
    assert session.summary().last_reason == "interrupted"


def test_a_program_that_ends_with_an_iterator_in_its_hands(here: Project) -> None:
    program = "from overnight import Session\nevents = Session('goal.md').run()\nfor _ in range(4): next(events)\n"
    done = subprocess.run([sys.executable, "-c", program], cwd=here.folder, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert is_at_rest(here)
    assert Session("goal.md").summary().last_reason == "interrupted"


def test_an_iterator_that_is_kept_is_closed_by_its_owner(here: Project) -> None:
    session = Session("goal.md", experiments=2)
    events = session.run()

    async def first(count: int) -> list[SessionEvent]:
        return [await asyncio.to_thread(next, events) for _ in range(count)]

    assert isinstance(asyncio.run(first(4))[0], SessionOpened)
    with pytest.raises(SessionError, match="of this very process is at work here"):
        Session("goal.md").work()
    assert session.summary().state == "running"
    events.close()
    assert is_at_rest(here)
    assert session.work().kept == 2
