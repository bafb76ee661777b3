"""What a session says it is at: news for others, and never its own trouble."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from overnight.goal.settings import Settings
from overnight.loop.activity import Activity
from overnight.loop.events import ProposalStarted, SessionOpened
from overnight.loop.live import Live, Pulse, read_live
from overnight.loop.state import State
from overnight.loop.underway import Underway
from tests.night import SETTINGS
from tests.streams import SLOTS, four_slots


@pytest.mark.parametrize("blocked", ["now.json", "now.half"])
def test_a_file_that_cannot_be_written_ends_no_night(tmp_path: Path, blocked: str) -> None:
    state, settings = State.of(tmp_path), Settings.model_validate(SETTINGS)
    with state.locked():
        pulse = Pulse(state, settings)
        pulse.follow(SessionOpened("s", settings, "0" * 40, None))
        pulse.follow(ProposalStarted(1, "search"))
        live = read_live(state)
        assert live is not None
        assert live.thinking[0].number == 1
        (state.folder / "now.json").unlink()
        (state.folder / blocked / "in the way").mkdir(parents=True)
        pulse.follow(ProposalStarted(2, "search"))
        pulse.close()


def test_what_several_slots_are_at_is_read_elsewhere_as_it_was_written(tmp_path: Path) -> None:
    state, settings = State.of(tmp_path), Settings.model_validate(SETTINGS)
    with state.locked():
        pulse, now = Pulse(state, settings), Underway()
        for event in (SessionOpened("s", settings, "0" * 40, None), *four_slots()):
            pulse.follow(event)
            now = now.after(event, settings)
        live = read_live(state)
        assert live is not None
        assert (live.session, live.places, live.ready, live.machines) == ("s", SLOTS, now.ready, {1: "gpu-b"})
        assert [(one.slot, one.step) for one in live.slots] == [(one.slot, one.step) for one in now.slots]
        assert [one.output for one in live.thinking] == [f"sessions/s/logs/{number}.agent.log" for number in (6, 7)]
        pulse.close()
        assert read_live(state) is None


@pytest.mark.parametrize("since", ["Infinity", "NaN", '"soon"', "null"])
def test_what_makes_no_sense_is_nothing(tmp_path: Path, since: str) -> None:
    state = State.of(tmp_path)
    state.create()
    slot = Activity(step="running", words="measuring", number=1, since=time.time())
    whole = Live(session="s", pid=1, slots=(slot,))
    place = state.folder / "now.json"
    with state.locked():
        place.write_text(whole.model_dump_json())
        assert read_live(state) == whole
        place.write_text(whole.model_dump_json().replace(f'"since":{slot.since}', f'"since":{since}'))
        assert read_live(state) is None
    assert read_live(state) is None, "nobody is at work"
