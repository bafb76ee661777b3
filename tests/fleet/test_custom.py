"""Fleets that a package brings, whatever they do."""

from __future__ import annotations

from typing import Any

import pytest

from overnight.errors import Interrupted, OvernightError, Trouble
from overnight.fleet.custom import FleetPlan, custom_slots
from overnight.fleet.slot import Slot, Task, Version
from overnight.ledger.records import Measured
from overnight.plugins import Plugin

VERSION, RIVAL = Version("c" * 40, "print"), Version("d" * 40, "other")


class Mine:
    """A slot that answers what it is told to, or raises it."""

    number = 7

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def measure(self, *_order: Any, **_more: Any) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def broken_guard(self, *_: Any) -> str | None:
        raise KeyError("guard")

    def audit(self, _: Any) -> None:
        raise OSError("no disk")

    def close(self) -> None:
        raise RuntimeError


def slot_of(*answers: Any, has_worked: bool = False) -> Slot:
    plan: Any = None
    plugin = Plugin("fleet", "mine", lambda _: [Mine(*answers)], __file__)
    return custom_slots(plugin, plan, has_worked=has_worked)[0]


def run(value: float | None, **fields: Any) -> Measured:
    fields = {"number": 9, "role": "baseline", "commit": "", "fingerprint": "", "seed": 3, "outcome": "ok", **fields}
    return Measured(value=value, **fields)


def test_what_was_asked_for_is_written_down_whatever_it_says() -> None:
    key = "sk-" + "x" * 30
    slot = slot_of(run(1.5, slot=4, rival=2.0, output_tail=key))
    made = slot.measure(Task(VERSION, 1, "candidate", 5, rival=RIVAL))
    assert (made.number, made.role, made.seed, made.slot) == (1, "candidate", 5, 0)
    assert (made.commit, made.fingerprint, made.rival_fingerprint) == ("c" * 40, "print", "other")
    assert (made.value, made.rival, made.output_tail) == (1.5, 2.0, "[redacted]")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (ZeroDivisionError("oh"), r"the fleet 'mine' failed: ZeroDivisionError: oh \(test_custom.py:\d+\)"),
        (None, "must return an overnight.Measured, not None"),
        (run(None), "must have a finite number, not None"),
        (run(float("nan")), "must have a finite number, not nan"),
    ],
)
def test_what_goes_wrong_is_a_mistake_at_first_and_trouble_once_it_has_worked(answer: object, says: str) -> None:
    slot = slot_of(answer, run(None, outcome="crash"), answer, run(1.0), answer)
    for kind in (OvernightError, OvernightError, Trouble):
        with pytest.raises(OvernightError, match=says) as caught:
            slot.measure(Task(VERSION, 1, "candidate", 5))
        assert type(caught.value) is kind
        if slot._slot.answers:  # type: ignore[attr-defined]
            slot.measure(Task(VERSION, 1, "candidate", 5))
    with pytest.raises(Trouble):
        slot_of(answer, has_worked=True).measure(Task(VERSION, 1, "candidate", 5))


def test_a_comparison_has_two_numbers() -> None:
    with pytest.raises(OvernightError, match="must have a finite number, not None"):
        slot_of(run(1.0)).measure(Task(VERSION, 1, "candidate", 5, rival=RIVAL))


@pytest.mark.parametrize("news", [Interrupted(), Trouble("machine", "it sleeps"), OvernightError("no key")])
def test_what_it_says_on_purpose_is_passed_on(news: Exception) -> None:
    with pytest.raises(type(news)) as caught:
        slot_of(news).measure(Task(VERSION, 1, "candidate", 5))
    assert caught.value is news


def test_all_else_that_it_does_is_told_in_words_too() -> None:
    slot = slot_of(has_worked=True)
    with pytest.raises(Trouble, match="KeyError: 'guard'"):
        slot.broken_guard(VERSION, None)
    with pytest.raises(Trouble, match="OSError: no disk"):
        slot.audit(VERSION)
    slot.close()


def test_a_fleet_that_cannot_be_opened() -> None:
    def opened(plan: FleetPlan) -> list[Slot]:
        raise ConnectionError("nobody answers")

    plan: Any = None
    plugin = Plugin("fleet", "mine", opened, "")
    with pytest.raises(OvernightError, match="ConnectionError: nobody answers") as caught:
        custom_slots(plugin, plan, has_worked=False)
    assert type(caught.value) is OvernightError
    with pytest.raises(Trouble):
        custom_slots(plugin, plan, has_worked=True)
