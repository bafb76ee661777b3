"""The file that says what a session is at, read by whoever watches."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from overnight.loop.live import Live, Slot, read_live
from overnight.loop.state import State


@pytest.mark.parametrize("since", ["Infinity", "NaN", '"soon"', "null"])
def test_what_makes_no_sense_is_nothing(tmp_path: Path, since: str) -> None:
    state = State.of(tmp_path)
    state.create()
    slot = Slot(step="running", words="measuring", number=1, since=time.time())
    whole = Live(session="s", pid=1, slots=(slot,))
    place = state.folder / "now.json"
    with state.locked():
        place.write_text(whole.model_dump_json())
        assert read_live(state) == whole
        place.write_text(whole.model_dump_json().replace(f'"since":{slot.since}', f'"since":{since}'))
        assert read_live(state) is None
    assert read_live(state) is None, "nobody is at work"
