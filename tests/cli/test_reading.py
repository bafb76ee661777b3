"""`status` and `show` where a session has several slots, on several machines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from overnight.cli.main import app
from overnight.goal.settings import Settings
from overnight.loop.events import SessionOpened
from overnight.loop.live import Pulse
from overnight.loop.state import State
from tests.checkout import Checkout
from tests.night import SETTINGS, Night
from tests.streams import four_slots, proposed, starts


@pytest.fixture
def told(checkout: Checkout) -> Iterator[Night]:
    """A session's ledger in that folder, with nothing but its baseline."""
    state = State.of(checkout.folder)
    state.create()
    night = Night.begin(state.folder / "ledger.db")
    night.baseline(2.0)
    yield night
    night.ledger.close()


def overnight(folder: Path, *arguments: str) -> str:
    """What a command prints."""
    done = CliRunner().invoke(app, [*arguments, str(folder)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_status_says_what_each_slot_is_at(checkout: Checkout, told: Night) -> None:
    assert not re.search(r"^now ", overnight(checkout.folder, "status"), re.MULTILINE), "nobody is at work"
    state, settings = State.of(checkout.folder), Settings.model_validate(SETTINGS)
    with state.locked():
        pulse = Pulse(state, settings)
        for event in (SessionOpened("s", settings, "0" * 40, None), *four_slots()):
            pulse.follow(event)
        said = re.sub(r", \d+ s( of \d+ s)?", "", overnight(checkout.folder, "status"))
        whole = json.loads(overnight(checkout.folder, "status", "--json"))
    assert (
        "now          slot 0: experiment 4, measuring the candidate\n"
        "             slot 1: experiment 1, trying the guards\n"
        "             slot 2: experiment 2, deciding\n"
        "             slot 3: free\n"
        "             claude is thinking about experiments 6 and 7; 1 waits\n"
    ) in said
    assert [(slot["slot"], slot["number"], slot["machine"]) for slot in whole["slots"]] == [
        (0, 4, ""),
        (1, 1, "gpu-b"),
        (2, 2, ""),
    ]
    assert ([thought["number"] for thought in whole["thinking"]], whole["waiting"]) == ([6, 7], 1)
    idle = json.loads(overnight(checkout.folder, "status", "--json"))
    assert (idle["slots"], idle["thinking"], idle["waiting"]) == ([], [], 0)


def test_status_of_one_slot_is_one_line(checkout: Checkout, told: Night) -> None:
    state, settings = State.of(checkout.folder), Settings.model_validate(SETTINGS)
    with state.locked():
        pulse = Pulse(state, settings)
        for event in (SessionOpened("s", settings, "0" * 40, None), proposed(1), starts(1, 0)):
            pulse.follow(event)
        said = overnight(checkout.folder, "status")
    assert re.search(r"now          experiment 1: measuring the candidate, \d+ s of 3 s\nbaseline ", said)


def test_show_says_where_each_run_was_made_only_where_there_is_a_choice(checkout: Checkout, told: Night) -> None:
    for number in (1, 2, 3):
        told.propose(number, commit=None)
    told.measure(1, "candidate", 1.5)
    told.measure(1, "incumbent", 2.0)
    assert "slot" not in overnight(checkout.folder, "show", "1")
    told.measure(2, "candidate", 1.5, slot=2, machine="gpu-b")
    told.measure(3, "candidate", 1.5, slot=0)
    told.measure(3, "incumbent", 2.0, slot=3)
    assert re.search(r"^candidate .*  slot 0$", overnight(checkout.folder, "show", "1"), re.MULTILINE)
    assert re.search(r"^candidate .*  slot 2 on gpu-b$", overnight(checkout.folder, "show", "2"), re.MULTILINE)
    both = overnight(checkout.folder, "show", "3")
    assert re.search(r"^candidate .*  slot 0$", both, re.MULTILINE)
    assert re.search(r"^incumbent .*  slot 3$", both, re.MULTILINE)
