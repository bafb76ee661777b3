"""When a session is over, and when it is stuck."""

from __future__ import annotations

import pytest

from overnight.goal.sections import StopRules
from overnight.goal.settings import SUBMITTED
from overnight.loop.stopping import Stopping
from tests.night import Night


def reason(night: Night, **rules: float) -> str | None:
    return Stopping(StopRules.model_validate(rules), night.history).reason()


def test_without_a_rule_it_never_ends(night: Night) -> None:
    for number in range(1, 50):
        night.discard(number, 1.0)
    assert reason(night) is None


def test_experiments_are_counted_over_the_whole_session(night: Night) -> None:
    night.baseline(1.0)
    night.discard(1, 1.0)
    assert reason(night, experiments=2) is None
    night.crash(2, "x")
    assert reason(night, experiments=2) == "all 2 experiments are done"
    assert reason(night, experiments=1) == "all 1 experiments are done, and 1 more"


def test_a_plateau_counts_from_the_last_keep(night: Night) -> None:
    night.baseline(1.0)
    night.discard(1, 1.0)
    night.keep(2, 0.9)
    night.discard(3, 1.0)
    assert reason(night, plateau=2) is None
    night.crash(4, "x")
    assert reason(night, plateau=2) == "2 experiments in a row were not kept"


def test_hours_of_work(night: Night) -> None:
    stopping = Stopping(StopRules(hours=1e-9), night.history)
    assert stopping.reason() == "1e-09 hours of work are over"
    assert reason(night, hours=1) is None


@pytest.mark.parametrize(("same", "is_stuck"), [(9, False), (10, True)])
def test_stuck_when_proposals_come_to_nothing_for_one_reason(night: Night, same: int, is_stuck: bool) -> None:
    night.discard(1, 1.0)
    for number in range(2, 2 + same):
        night.judge(number, "no_change", reason="the agent ended with exit code 1 and changed nothing")
    stuck = Stopping(StopRules(), night.history).stuck()
    assert (stuck is not None) == is_stuck
    if stuck:
        assert "exit code 1" in stuck


def test_what_is_submitted_in_between_does_not_keep_an_agent_from_being_stuck(night: Night) -> None:
    for number in range(1, 15):
        who = SUBMITTED if number % 3 == 0 else "claude"
        night.judge(number, "no_change", reason="the agent has changed nothing", proposer=who)
    night.keep(15, 1.0, proposer=SUBMITTED)
    assert Stopping(StopRules(), night.history, first=2).stuck() is None
    assert "10 proposals came to nothing" in (Stopping(StopRules(), night.history).stuck() or "")


def test_not_stuck_while_one_of_the_last_is_measured(night: Night) -> None:
    for number in (*range(1, 10), 11):
        night.judge(number, "no_change", reason="this was tried before: …")
    assert Stopping(StopRules(), night.history).stuck() is None
    night.judge(10, "no_change", reason="this was tried before: …")
    assert Stopping(StopRules(), night.history).stuck() is not None


def test_nobody_who_submits_puts_the_night_of_others_down(night: Night) -> None:
    for number in range(1, 20):
        night.judge(number, "no_change", reason="this was tried before: …", proposer=SUBMITTED)
    assert Stopping(StopRules(), night.history).stuck() is None


def test_not_stuck_when_the_reasons_differ(night: Night) -> None:
    for number in range(1, 20):
        night.judge(number, "invalid", reason=f"it changed file {number}")
    assert Stopping(StopRules(), night.history).stuck() is None


def test_what_an_earlier_process_came_to_does_not_count(night: Night) -> None:
    for number in range(1, 15):
        night.judge(number, "no_change", reason="nothing was changed")
    assert Stopping(StopRules(), night.history, first=6).stuck() is None
    assert Stopping(StopRules(), night.history, first=5).stuck() is not None


def test_cost_is_what_the_proposers_say(night: Night) -> None:
    night.propose(1, cost=0.7)
    night.discard(1, 1.0)
    night.propose(2)
    assert reason(night, cost=1) is None
    night.discard(2, 1.0)
    night.propose(3, cost=0.4)
    assert reason(night, cost=1) == "the proposals have cost $1.10 of $1.00"
