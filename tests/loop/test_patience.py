"""How long troubles are waited out."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.errors import Trouble, TroubleKind
from overnight.loop.patience import Patience

KINDS: list[TroubleKind] = ["agent", "disk", "ledger", "machine", "git"]


@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 1000))
def test_pauses_grow_up_to_a_bound(kind: TroubleKind, seed: int) -> None:
    patience = Patience(Random(seed))
    pauses = [pause for _ in range(29) if (pause := patience.pause(Trouble(kind, "…"))) is not None]
    assert len(pauses) == 29
    assert pauses[0] < 7
    assert pauses[4] > 1.5 * pauses[0]
    assert max(pauses) <= 900 * 1.25
    assert sum(pauses[10:]) > sum(pauses[:10])


def test_many_sessions_do_not_come_back_at_once() -> None:
    pauses = {Patience(Random(seed)).pause(Trouble("agent", "…")) for seed in range(20)}
    assert len(pauses) == 20


@given(asked=st.floats(0, 80_000), tries=st.integers(1, 20), seed=st.integers(0, 1000))
def test_nobody_comes_back_before_they_were_asked_to(asked: float, tries: int, seed: int) -> None:
    patience = Patience(Random(seed))
    for _ in range(tries):
        pause = patience.pause(Trouble("agent", "…", retry_after=asked), is_first_proposal=True)
        assert pause is not None
        assert pause >= asked


@pytest.mark.parametrize(("kind", "tries"), [("machine", 30), ("git", 30)])
def test_what_never_gets_better_is_given_up(kind: TroubleKind, tries: int) -> None:
    patience = Patience(Random(0))
    pauses = [patience.pause(Trouble(kind, "…")) for _ in range(tries)]
    assert pauses[-1] is None
    assert None not in pauses[:-1]


def test_progress_makes_it_forget() -> None:
    patience = Patience(Random(0))
    for _ in range(100):
        assert patience.pause(Trouble("git", "…")) is not None
        patience.progress()


def test_an_agent_that_never_proposed_anything_is_given_up_soon() -> None:
    patience = Patience(Random(0))
    tries = [patience.pause(Trouble("agent", "…"), is_first_proposal=True) for _ in range(3)]
    assert tries[-1] is None
    assert sum(pause or 0 for pause in tries) < 10
