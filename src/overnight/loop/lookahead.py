"""How far ahead of the runs it is worth proposing."""

from __future__ import annotations

import math

_NOTHING = 0.02
"""The share of a run's time below which a proposal need not be made in advance: a slot hardly waits for it."""
_SPARE = 1.5
"""Proposals that are wanted under way, in those that are needed on average: some take longer than others."""
_MOST = 4
"""Proposals under way or waiting for each slot at most, however slow they are to come."""


def proposals_ahead(slots: int, proposing_seconds: float, measuring_seconds: float) -> int:
    """How many proposals should be under way or waiting while every slot is busy.

    So many that one is there when a slot gets free, and no more: whatever is proposed does not know yet what the runs
    will show that are under way. `measuring_seconds` is what an experiment takes in its slot.
    """
    if proposing_seconds <= 0 or proposing_seconds < _NOTHING * measuring_seconds / slots:
        return 0
    wanted = slots * proposing_seconds / max(measuring_seconds, 1e-9)
    # By Little's law (1961) `wanted` are being thought about at any time; slots that get free together want spare ones.
    return min(math.ceil(_SPARE * wanted), _MOST * slots)
