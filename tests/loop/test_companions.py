"""Who goes along with a session: whatever becomes of them, the session's events come through."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator

from overnight.loop.companions import BackgroundCompanion, accompanied
from overnight.loop.events import Notice, SessionEvent


class Quitter(BackgroundCompanion):
    """A companion whose library ends the thread, as one that finds its set-up wanting may do."""

    def follow(self, event: SessionEvent) -> None:
        self.give(event)

    def handle(self, event: SessionEvent) -> None:
        sys.exit(f"cannot work on {event}")


def test_a_library_that_exits_costs_the_night_a_note() -> None:
    def night() -> Generator[SessionEvent]:
        for number in range(3):
            yield Notice(f"step {number}")
            time.sleep(0.1)

    said = [event.words for event in accompanied(night(), [Quitter("the quitter")]) if isinstance(event, Notice)]
    assert [words for words in said if words.startswith("step")] == ["step 0", "step 1", "step 2"]
    assert sum(words.startswith("the quitter failed (SystemExit)") for words in said) == 1
