"""What is no proposal, since it is under way or was tried."""

from __future__ import annotations

from overnight.loop.proposing import repeated
from tests.night import Night


def test_the_same_change_is_not_measured_beside_itself(night: Night) -> None:
    night.baseline(1.0)
    night.propose(1, change="LR up")
    assert repeated(night.history, 2, "LR down", ()) is None
    assert repeated(night.history, 1, "LR up", ()) is None, "that is it"
    under_way = "this was tried before: experiment 1, which is under way, makes the same change"
    assert repeated(night.history, 2, "LR up", ()) == under_way
    night.discard(1, 2.0)
    assert repeated(night.history, 2, "LR up", ()) == "this was tried before: experiment 1 (discard)"
