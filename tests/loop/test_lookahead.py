"""How far ahead it is thought: enough for every slot, and no further."""

from __future__ import annotations

import heapq
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.loop.lookahead import proposals_ahead

seconds = st.floats(0.001, 1e5)


def test_what_takes_no_time_need_not_be_done_in_advance() -> None:
    assert proposals_ahead(1, 0.0, 10.0) == 0
    assert proposals_ahead(1, 0.1, 10.0) == 0
    assert proposals_ahead(1, 1.0, 10.0) == 1


@given(st.integers(1, 64), seconds, seconds, st.floats(1.0, 4.0))
def test_slower_proposals_are_made_further_ahead_and_never_without_bound(
    slots: int, proposing: float, measuring: float, slower: float
) -> None:
    ahead = proposals_ahead(slots, proposing, measuring)
    assert ahead <= proposals_ahead(slots, slower * proposing, measuring) <= 4 * slots


def share_busy(slots: int, proposing: float, seed: int = 0, experiments: int = 400) -> float:
    """The share of the time in which slots measure, between the first run's start and the last's; a run takes 1."""
    random, now, asked, ahead = Random(seed), 0.0, 0, proposals_ahead(slots, proposing, 1.0)
    thinking = waiting = busy = 0
    events: list[tuple[float, int]] = []
    starts: list[tuple[float, float]] = []
    while True:
        while busy < slots and waiting:
            busy, waiting, takes = busy + 1, waiting - 1, random.uniform(0.9, 1.1)
            starts.append((now, takes))
            heapq.heappush(events, (now + takes, 1))
        while asked < experiments and slots - busy + ahead > waiting + thinking and thinking < 4 * slots:
            asked, thinking = asked + 1, thinking + 1
            heapq.heappush(events, (now + proposing * random.lognormvariate(0, 0.3), 0))
        if not events:
            break
        now, kind = heapq.heappop(events)
        thinking, waiting, busy = (thinking, waiting, busy - 1) if kind else (thinking - 1, waiting + 1, busy)
    first, last = starts[0][0], starts[-1][0]
    return sum(min(start + takes, last) - start for start, takes in starts) / (slots * (last - first))


@pytest.mark.parametrize("slots", [1, 2, 8])
@pytest.mark.parametrize("proposing", [0.05, 0.2, 1.0])
def test_no_slot_waits(slots: int, proposing: float) -> None:
    assert share_busy(slots, proposing) > 0.98
