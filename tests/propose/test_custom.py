"""Proposers that a package brings, whatever they do."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from overnight.errors import Interrupted, OvernightError
from overnight.plugins import Plugin
from overnight.propose.brief import Brief
from overnight.propose.custom import CustomProposer
from overnight.propose.proposer import Proposal, Proposer

BRIEF = Brief(
    number=1, english="", edit=("a",), metric="loss", direction="lower", budget_seconds=1, run="", files={"a": b"1\n"},
    incumbent_number=0, incumbent_metric=1, baseline_metric=1, noise=0,
)  # fmt: skip


def asked(answer: Callable[[Brief], Any], *, limit: float = 60.0, stop: bool = False) -> CustomProposer:
    """A proposer that answers like this."""

    class Mine(Proposer):
        def propose(self, brief: Brief) -> Proposal:
            proposal: Proposal = answer(brief)
            return proposal

    return CustomProposer(Plugin("proposer", "mine", Mine, __file__), limit=limit, should_stop=lambda: stop)


def test_what_it_answers_is_made_fit_for_the_history() -> None:
    secret = "sk-" + "x" * 30
    said = Proposal(
        {"a": b"2\n"}, hypothesis=f"two \n lines {secret}", output=f"thought {secret}" + "." * 9000, proposer="claude",
        in_vain=(Proposal({}),),
    )  # fmt: skip
    proposal = asked(lambda _: said).propose(BRIEF)
    assert (proposal.files, proposal.hypothesis) == ({"a": b"2\n"}, "two lines [redacted]")
    assert len(proposal.output) == 4000
    assert (proposal.proposer, proposal.in_vain) == ("", ())
    assert asked(lambda _: Proposal({"a": b"2\n"})).propose(BRIEF).hypothesis == "`1` → `2`"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda _: 1 / 0, "the proposer 'mine' failed: ZeroDivisionError: division by zero (test_custom.py:"),
        (lambda _: sys.exit(3), "SystemExit: 3"),
        (lambda _: None, "TypeError: it must answer with an overnight.Proposal, not None"),
        (lambda _: Proposal({"a": "2"}), "`files` of its Proposal: input should be a valid bytes, but it is '2'"),
        (lambda _: Proposal({}, hypothesis=None), "`hypothesis` of its Proposal: "),
        (lambda _: Proposal({}, hypothesis="\ud800"), "its Proposal cannot be written down"),
        (lambda _: Proposal({}, origin={"why": object()}), "its Proposal cannot be written down"),
        (lambda _: Proposal({}, origin={"why": "\ud800"}), "its Proposal cannot be written down"),
    ],
)
def test_what_goes_wrong_is_told_and_it_is_asked_again_later(answer: Callable[[Brief], Any], says: str) -> None:
    proposal = asked(answer).propose(BRIEF)
    assert says in (proposal.unavailable or "")
    assert not proposal.files


def test_one_that_hangs_is_left_alone() -> None:
    def never(_: Brief) -> None:
        threading.Event().wait()

    began = time.monotonic()
    hanging = asked(never, limit=0.1)
    proposal = hanging.propose(BRIEF)
    assert (proposal.failure, proposal.unavailable) == ("it has not answered within 100ms", None)
    with pytest.raises(Interrupted):
        asked(never, stop=True).propose(BRIEF)
    assert time.monotonic() - began < 60


def test_a_timeout_of_its_own_is_one_of_the_outside_world() -> None:
    def busy(_: Brief) -> None:
        raise TimeoutError("the model is busy")

    assert "TimeoutError: the model is busy" in (asked(busy).propose(BRIEF).unavailable or "")


def test_what_is_no_proposer_is_a_mistake_in_the_set_up() -> None:
    def made(target: object) -> None:
        CustomProposer(Plugin("proposer", "mine", target, __file__), limit=1, should_stop=lambda: False)

    with pytest.raises(OvernightError, match="has no method `propose`"):
        made(dict)
    with pytest.raises(OvernightError, match="the proposer 'mine' failed: TypeError"):
        made(lambda model: model)


def test_it_looks_back_only_where_it_says_so() -> None:
    class Thinker(Proposer):
        reviews = True

        def propose(self, brief: Brief) -> Proposal:
            return Proposal({})

        def review(self, brief: Brief) -> Proposal:
            return Proposal({"a": b"2"}, output=f"after {brief.number}: smaller is better")

    assert not asked(lambda _: Proposal({})).reviews
    thinker = CustomProposer(Plugin("proposer", "mine", Thinker, ""), limit=1, should_stop=lambda: False)
    assert thinker.reviews
    assert (thinker.review(BRIEF).output, thinker.review(BRIEF).files) == ("after 1: smaller is better", {})
