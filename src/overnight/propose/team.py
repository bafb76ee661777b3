"""Several proposers as one: they take turns as they earn them, and stand in for one that is not to be had."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random

from overnight.propose.brief import Brief
from overnight.propose.proposer import Proposal, Proposer
from overnight.propose.shares import Earned, choose

_FIRST_REST, _LONGEST_REST = 60.0, 3600.0
"""Seconds for which a proposer that was not to be had is not asked again; doubled each time."""


class Team:
    """Asks the one that is likely to earn most; chance comes from the seed and the experiment's number alone."""

    def __init__(
        self,
        members: Sequence[Proposer],
        *,
        seed: int,
        earned: Callable[[], Sequence[Earned]],
        hours_a_dollar: float | None = None,
    ) -> None:
        """`earned` looks up what the members' experiments have brought so far."""
        self._members = {member.name: member for member in members}
        self.name = ", ".join(self._members)
        self._seed = seed
        self._earned = earned
        self._hours_a_dollar = hours_a_dollar
        self._rests_until: dict[str, float] = {}
        self._rest: dict[str, float] = {}
        self._exhausted: dict[str, str] = {}
        """Who had nothing left to try, and on which incumbent."""

    @property
    def reviews(self) -> bool:
        """Whether anybody here writes down what was learned."""
        return any(member.reviews for member in self._members.values())

    def propose(self, brief: Brief) -> Proposal:
        """Ask one; where it is not to be had, the next."""
        in_vain: list[Proposal] = []
        for name in self._turns(brief):
            proposal = replace(self._members[name].propose(brief), proposer=name)
            if proposal.exhausted:
                self._exhausted[name] = brief.incumbent_commit
            elif proposal.unavailable is None:
                self._rest.pop(name, None)
                return replace(proposal, in_vain=tuple(in_vain))
            else:
                self._send_to_rest(name, proposal.retry_after)
                in_vain.append(proposal)
        if not in_vain:
            return Proposal({}, failure="nobody has anything left to try", exhausted=True)
        *others, last = in_vain
        reasons = "; ".join(f"{proposal.proposer}: {proposal.unavailable}" for proposal in in_vain)
        waits = [proposal.retry_after for proposal in in_vain if proposal.retry_after is not None]
        return replace(last, unavailable=reasons, retry_after=min(waits, default=None), in_vain=tuple(others))

    def review(self, brief: Brief) -> Proposal:
        """Ask the one of those who review that has made most of the last experiments."""
        able = [member for member in self._members.values() if member.reviews]
        made = [each.who for each in self._earned()]
        chosen = max(able, key=lambda member: made.count(member.name))
        return replace(chosen.review(brief), proposer=chosen.name)

    def close(self) -> None:
        """Close all."""
        for member in self._members.values():
            member.close()

    def _turns(self, brief: Brief) -> Iterator[str]:
        """All who have something to try, the one that is likely to earn most first; those who rest come last."""
        random, now, earned = Random(f"{self._seed}/{brief.number}"), time.monotonic(), self._earned()
        able = [name for name in self._members if self._exhausted.get(name) != brief.incumbent_commit]
        resting = [name for name in able if now < self._rests_until.get(name, 0.0)]
        for group in ([name for name in able if name not in resting], resting):
            while group:
                name = choose(group, earned, random, hours_a_dollar=self._hours_a_dollar)
                group.remove(name)
                yield name

    def _send_to_rest(self, name: str, retry_after: float | None) -> None:
        rest = self._rest[name] = min(self._rest.get(name, _FIRST_REST / 2) * 2, _LONGEST_REST)
        self._rests_until[name] = time.monotonic() + max(rest, retry_after or 0.0)
