"""What a session says it is at: news for others, and never its own trouble."""

from __future__ import annotations

from pathlib import Path

import pytest

from overnight.goal.settings import Settings
from overnight.loop.events import ProposalStarted, SessionOpened
from overnight.loop.live import Pulse, read_live
from overnight.loop.state import State
from tests.night import SETTINGS


@pytest.mark.parametrize("blocked", ["now.json", "now.half"])
def test_a_file_that_cannot_be_written_ends_no_night(tmp_path: Path, blocked: str) -> None:
    state, settings = State.of(tmp_path), Settings.model_validate(SETTINGS)
    with state.locked():
        pulse = Pulse(state, settings)
        pulse.follow(SessionOpened("s", settings, "0" * 40, None))
        pulse.follow(ProposalStarted(1, "search"))
        live = read_live(state)
        assert live is not None
        assert live.slots[0].number == 1
        (state.folder / "now.json").unlink()
        (state.folder / blocked / "in the way").mkdir(parents=True)
        pulse.follow(ProposalStarted(2, "search"))
        pulse.end()
