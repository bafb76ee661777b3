"""Several proposers that take turns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from overnight.ledger.records import Usage
from overnight.propose.brief import Brief
from overnight.propose.proposer import Proposal
from overnight.propose.shares import Earned
from overnight.propose.team import Team
from tests.propose.test_brief import BRIEF


@dataclass
class Member:
    """Answers as it is told to."""

    name: str
    answers: Proposal = field(default_factory=lambda: Proposal({"train.py": b"x"}))
    reviews: bool = False
    asked: int = 0
    closed: bool = False

    def propose(self, _brief: Brief) -> Proposal:
        self.asked += 1
        return self.answers

    def review(self, _brief: Brief) -> Proposal:
        return Proposal({}, output=f"{self.name} has learned")

    def close(self) -> None:
        self.closed = True


DOWN = Proposal({}, unavailable="down", usage=Usage(cost=0.5))


def team(*members: Member, earned: list[Earned] | None = None) -> Team:
    return Team(members, seed=1, earned=lambda: earned or [])


def test_each_comes_and_says_whose_it_is() -> None:
    members = [Member("a"), Member("b")]
    group = team(*members)
    whose = {group.propose(replace(BRIEF, number=n)).proposer for n in range(50)}
    assert whose == {"a", "b"}
    group.close()
    assert all(member.closed for member in members)


def test_the_same_experiment_asks_the_same_one_after_a_restart() -> None:
    asked = [
        [team(Member("a"), Member("b")).propose(replace(BRIEF, number=n)).proposer for n in range(20)] for _ in "12"
    ]
    assert asked[0] == asked[1]


def test_one_stands_in_for_one_that_is_down_and_that_is_told() -> None:
    down, up = Member("a", DOWN), Member("b")
    group = team(down, up)
    proposals = [group.propose(replace(BRIEF, number=n)) for n in range(30)]
    assert {proposal.proposer for proposal in proposals} == {"b"}
    assert down.asked == 1  # It rests.
    told = [other for proposal in proposals for other in proposal.in_vain]
    assert [(other.proposer, other.unavailable, other.usage.cost) for other in told] == [("a", "down", 0.5)]


def test_when_all_are_down_the_session_waits() -> None:
    group = team(Member("a", DOWN), Member("b", replace(DOWN, unavailable="limited", retry_after=30.0)))
    proposal = group.propose(BRIEF)
    assert proposal.unavailable in ("a: down; b: limited", "b: limited; a: down")
    assert proposal.retry_after == 30.0
    assert len(proposal.in_vain) == 1
    again = group.propose(BRIEF)  # Those who rest are asked when nobody else is there.
    assert again.unavailable


def test_who_has_nothing_left_is_asked_again_only_on_another_incumbent() -> None:
    done, other = Member("a", Proposal({}, exhausted=True)), Member("b")
    group = team(done, other)
    for number in range(40):
        assert group.propose(replace(BRIEF, number=number, incumbent_commit="x")).proposer == "b"
    assert done.asked == 1
    for number in range(40):
        group.propose(replace(BRIEF, number=number, incumbent_commit="y"))
    assert done.asked == 2


def test_when_nobody_has_anything_left_the_night_is_over() -> None:
    assert team(Member("a", Proposal({}, exhausted=True))).propose(BRIEF).exhausted


@pytest.mark.parametrize(("most", "whose"), [("a", "a"), ("b", "b"), ("search", "a")])
def test_who_made_most_of_it_looks_back(most: str, whose: str) -> None:
    earned = [Earned(most, 0.0, 0.1, 0.0)] * 5
    group = team(Member("search"), Member("a", reviews=True), Member("b", reviews=True), earned=earned)
    assert group.reviews
    assert group.review(BRIEF).proposer == whose
    assert not team(Member("search")).reviews
