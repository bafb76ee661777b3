"""Submissions where several runs decide, side by side or before a judge of one's own, and the session is killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

import anyio
import pytest

from overnight.ledger.history import History
from overnight.ledger.records import Measured
from overnight.loop.reading import open_history
from overnight.loop.state import State
from tests.mcp.conftest import knob, open_gate, within
from tests.system.conftest import Install, Project, install
from tests.system.test_plugins import brings

__all__ = ["install"]

_LONG = 300
# All chance comes from the seed. The version that is submitted first runs until somebody opens the gate.
NOISY = """import os, time
NOISE = int(os.environ["OVERNIGHT_SEED"]) % 1000 / 1000
print("nothing to see here")
KNOB = 10
while KNOB == 20 and not os.path.exists(os.environ["OVERNIGHT_ARTIFACTS"] + "/open"):
    time.sleep(0.02)
print("loss:", abs(KNOB - 37) + NOISE)
"""
# What both sides have in common cancels; each has a little of its own.
COMPARE = """import os, random, re, time
seed = os.environ["OVERNIGHT_SEED"]
for side in ("incumbent", "candidate"):
    text = open(os.environ[f"OVERNIGHT_{side.upper()}"] + "/solve.py").read()
    knob = int(re.search(r"^KNOB = (\\d+)$", text, re.MULTILINE)[1])
    while (side, knob) == ("candidate", 20) and not os.path.exists(os.environ["OVERNIGHT_ARTIFACTS"] + "/open"):
        time.sleep(0.02)
    own = random.Random(seed + side + str(knob)).gauss(0, 4)
    print(f"{side}.loss:", abs(knob - 37) + 50 * random.Random(seed).random() + own)
"""
JUDGE = """def decide(candidate, incumbent):
    if len(candidate) < 4:
        return "again"
    return "keep" if sum(candidate) > sum(incumbent) else "discard"
"""


def side_by_side(project: Project, _install: Install) -> None:
    project.write("compare.py", COMPARE)
    project.set(run="", compare=f"{sys.executable} compare.py")


def judged_by_ones_own(project: Project, install: Install) -> None:
    brings(install, "judge", "mine:decide", JUDGE)
    project.set(judge="mine")


@pytest.mark.parametrize("kind", [side_by_side, judged_by_ones_own])
def test_a_session_killed_between_two_runs_goes_on_with_the_next(
    gated: Project, install: Install, kind: Callable[[Project, Install], None]
) -> None:
    gated.write("solve.py", NOISY)
    kind(gated, install)
    gated.commit()
    anyio.run(_killed_between_two_runs, gated)
    with open_history(gated.folder, None) as (history, _):
        assert [(judged.number, judged.verdict) for judged in history.judged_last(5)] == [
            *((1, "keep"), (2, "discard"), (3, "no_change"))
        ]
        runs = _runs(history)
        assert len({(run.role, run.seed) for run in runs}) == len(runs) > 3, "nothing is measured twice"
    gated.ok("doctor")


async def _killed_between_two_runs(project: Project) -> None:
    nearer = {"hypothesis": "nearer", "patch": knob(20), "wait_seconds": _LONG}
    farther = {"patch": knob(5, 20), "wait_seconds": _LONG}
    async with within(project) as assistant, anyio.create_task_group() as tasks:
        await assistant.ask("start_session", wait_seconds=_LONG)
        await assistant.ask("submit_experiment", **{**nearer, "wait_seconds": 0})
        await _kill_after_two_runs(project)
        killed = await assistant.ask("submit_experiment", **nearer)
        assert (killed["state"], killed["number"]) == ("waiting", 1)
        assert killed["words"].startswith("the session was killed; the submission is kept, ")
        tasks.start_soon(_hold_open, project)
        await assistant.ask("start_session", wait_seconds=_LONG)
        kept = await assistant.ask("submit_experiment", **nearer)
        assert kept["kept"]
        assert kept["gain_low"] <= kept["gain"] <= kept["gain_high"]
        assert (await assistant.ask("submit_experiment", hypothesis="farther", **farther))["verdict"] == "discard"
        assert (await assistant.ask("submit_experiment", hypothesis="anew", **farther))["verdict"] == "no_change"
        await assistant.ask("stop")
        tasks.cancel_scope.cancel()


async def _kill_after_two_runs(project: Project) -> None:
    """Of the four or more that its verdict takes; one more may have been let go meanwhile."""
    holder = State.of(project.folder).holder()
    assert holder is not None
    is_over = False
    while not is_over:
        open_gate(project)
        await anyio.sleep(0.02)
        with open_history(project.folder, None) as (history, _):
            is_over = len([run for run in _runs(history) if run.role == "candidate"]) >= 2
    os.kill(holder.pid, signal.SIGKILL)


async def _hold_open(project: Project) -> None:
    while True:
        open_gate(project)
        await anyio.sleep(0.02)


def _runs(history: History) -> list[Measured]:
    return [run for run in history.runs(1) if run.role in ("candidate", "incumbent")]
