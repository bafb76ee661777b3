"""Who gets what of a machine, and that they have it."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.errors import Trouble
from overnight.fleet.shares import WHOLE, Share, cores_here, gpus_here, share_out, shares_here
from overnight.goal.sections import GpuSlots, Slots

FOUR = [frozenset({0, 4}), frozenset({1, 5}), frozenset({2, 6}), frozenset({3, 7})]


@given(
    st.one_of(st.integers(1, 40), st.just("auto"), st.builds(GpuSlots, gpus=st.just(("0", "1", "2")))),
    st.integers(1, 33),
    st.integers(0, 9),
)
def test_nobody_has_what_another_has_and_all_have_as_much(slots: Slots, cores: int, gpus: int) -> None:
    machine = [frozenset({core, core + cores}) for core in range(cores)]
    shares = share_out(slots, machine, [f"GPU-{number}" for number in range(gpus)])
    bound = [share.processors for share in shares if share.processors is not None]
    assert {share.slots for share in shares} == {len(shares)}
    assert len(bound) == (len(shares) if 1 < len(shares) <= cores else 0)
    assert len(frozenset().union(*bound)) == sum(map(len, bound))
    assert len({len(processors) for processors in bound}) <= 1
    assert all(core <= processors or not core & processors for core in machine for processors in bound)
    named = [share.gpu for share in shares if share.gpu is not None]
    assert len(named) in (0, len(shares))
    assert len(set(named)) == len(named)


@pytest.mark.parametrize(
    ("slots", "gpus", "shares"),
    [
        (1, [], [WHOLE]),
        (1, ["a", "b"], [WHOLE]),
        (2, ["a"], [Share(frozenset({0, 4, 1, 5}), None, 2), Share(frozenset({2, 6, 3, 7}), None, 2)]),
        (3, [], [Share(core, None, 3) for core in FOUR[:3]]),
        (5, [], [Share(None, None, 5)] * 5),
        ("auto", [], [Share(frozenset({0, 4, 1, 5}), None, 2), Share(frozenset({2, 6, 3, 7}), None, 2)]),
        ("auto", ["a"], [WHOLE]),
        ("auto", ["a", "b", "c"], [Share(FOUR[0], "a", 3), Share(FOUR[1], "b", 3), Share(FOUR[2], "c", 3)]),
        (GpuSlots(gpus=("1",)), ["a", "b"], [Share(None, "1", 1)]),
    ],
)
def test_shares(slots: Slots, gpus: list[str], shares: list[Share]) -> None:
    assert list(share_out(slots, FOUR, gpus)) == shares


def test_a_small_machine_has_one_slot_by_itself() -> None:
    assert share_out("auto", FOUR[:1], []) == (WHOLE,)


def test_what_guests_are_told() -> None:
    assert WHOLE.environment({}) == {}
    share = Share(frozenset({2, 6}), "GPU-5", 4)
    assert share.environment({}) == {"CUDA_VISIBLE_DEVICES": "GPU-5", "OMP_NUM_THREADS": "2"}
    assert share.environment({"OMP_NUM_THREADS": "1"}) == {"CUDA_VISIBLE_DEVICES": "GPU-5"}


@pytest.mark.parametrize(
    ("visible", "gpus"), [("", []), ("-1", []), ("2", ["2"]), ("1, 3", ["1", "3"]), ("GPU-a,-1,0", ["GPU-a"])]
)
def test_gpus_that_the_user_has_chosen(visible: str, gpus: list[str]) -> None:
    assert gpus_here({"CUDA_VISIBLE_DEVICES": visible}) == gpus


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux binds threads to processors")
def test_a_thread_has_all_processors_again_afterwards() -> None:
    before = os.sched_getaffinity(0)
    assert frozenset().union(*cores_here()) == before
    one = frozenset({min(before)})
    for _ in range(2):
        with Share(one).held():
            assert os.sched_getaffinity(0) == one
        assert os.sched_getaffinity(0) == before
    with pytest.raises(Trouble, match="not to be had any more"), Share(frozenset({1_000_000})).held():
        pass


def test_shares_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shares_here(1) == (WHOLE,)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    assert [share.gpu for share in shares_here("auto")] == ["0", "1", "2"]
