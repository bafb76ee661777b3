"""Streams of events written by hand: several experiments under way at once."""

from __future__ import annotations

from collections.abc import Iterator

from overnight.ledger.records import Judged, Measured, Proposed, Role
from overnight.loop.events import (
    ExperimentJudged,
    GuardsStarted,
    ProposalFinished,
    ProposalStarted,
    RunFinished,
    RunStarted,
    SessionEvent,
)

SLOTS = 4


def proposed(number: int) -> ProposalFinished:
    """Somebody has an idea that can be measured."""
    return ProposalFinished(
        Proposed(number=number, hypothesis=f"idea {number}", proposer="claude", parent="", commit="c")
    )


def starts(number: int, slot: int, role: Role = "candidate") -> RunStarted:
    """A run begins there."""
    return RunStarted(number, role, number, f"idea {number}", 20.0, slot)


def ran(number: int, slot: int, role: Role = "candidate", machine: str = "") -> RunFinished:
    """It has ended."""
    return RunFinished(
        Measured(
            number=number,
            role=role,
            commit="",
            fingerprint="",
            seed=number,
            outcome="ok",
            value=1.0,
            slot=slot,
            machine=machine,
        )
    )


def four_slots() -> Iterator[SessionEvent]:
    """Four slots, two thinkers.

    At its end 4 runs in slot 0, the guards are tried on 1 in slot 1, 2 is decided in slot 2, slot 3 is free, 5 waits
    for it, and 6 and 7 are thought of.
    """
    for slot in range(SLOTS):
        yield RunStarted(0, "baseline", slot, "the baseline", 20.0, slot)
    for slot in range(SLOTS):
        yield ran(0, slot, role="baseline", machine="gpu-b" if slot == 1 else "")
    yield ExperimentJudged(Judged(number=0, verdict="baseline", reason="4 runs", metric=2.0))
    yield ProposalStarted(1, "claude")
    yield ProposalStarted(2, "claude")
    yield proposed(2)
    yield starts(2, 2)
    yield ProposalStarted(3, "claude")
    yield proposed(1)
    yield starts(1, 1)
    yield ProposalStarted(4, "claude")
    yield proposed(3)
    yield starts(3, 3)
    yield proposed(4)
    yield ran(2, 2)
    yield starts(4, 0)
    yield ProposalStarted(6, "claude")
    yield ProposalStarted(5, "claude")
    yield ran(1, 1, machine="gpu-b")
    yield proposed(5)
    yield ProposalStarted(7, "claude")
    yield GuardsStarted(1, 1)
    yield ran(3, 3)
    yield ExperimentJudged(Judged(number=3, verdict="discard", reason="worse", hypothesis="idea 3", metric=3.0))
