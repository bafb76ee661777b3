"""Better, worse, or not known yet? A test of live experiments that stays valid however often it is looked at.

Each person meets candidate or incumbent by the toss of a fair coin. If the two were alike, whoever converts would
have converted anyway, and the coin alone has decided on whose account: so of all conversions, the number of the
candidate's is that of heads in as many tosses, whatever the rate is, however it moves from day to day, and however late
a conversion comes. The wager against that is Ville's (1939): a gambler who bets on the coin's being bent grows rich by
a factor of 40, at any time at all, with a chance of at most 1 in 40 if it is not. The wager is spread over all coins by
a beta distribution (Robbins 1970), on the side where the candidate is better; and which coins it does not rule out is
an interval that holds at all times at once (Howard, Ramdas, McAuliffe and Sekhon 2021).

That leaves aside who did not convert. Where few do, nothing is lost by it; at a rate of 0.4, the test needs 1 / 0.6
times the people that a test of both rates would need.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from scipy.special import betainc, betaln, ndtr

PRIOR = 100.0
"""How near to one half the coins are that the wager is spread over: half of them within a lift of a tenth."""
BETTER = 40.0
"""The wager's wealth from which on a candidate is kept: 1 in 40 of those that are no better may come so far."""
WORSE = 10.0
"""The same for the opposite wager, from which on it is dropped before its time."""
BROKEN = 1000.0
"""The same for the wager that people are not split by a fair coin."""
INTERVAL = 20.0
"""A 95 % interval leaves out the coins against which the wealth is at least that."""
HOPELESS = 0.05
"""Given up, in the second half of the window, below this chance that the rest of it could still show a gain."""

_LOG_2 = math.log(2.0)
_TINY = 1e-12
_HALVINGS = 60

Answer = Literal["better", "worse", "hopeless", "open"]


@dataclass(frozen=True)
class Side:
    """One version: how many people have met it, and how many of them have converted."""

    conversions: float
    people: float

    @property
    def rate(self) -> float:
        """0 where nobody was there."""
        return self.conversions / self.people if self.people else 0.0


@dataclass(frozen=True)
class Ratio:
    """What the candidate's rate is, as a multiple of the incumbent's."""

    estimate: float
    """Shrunken towards 1, since what wins has been lucky more often than not."""
    low: float
    high: float
    """A 95 % interval that holds at all times at once."""


def wealth(heads: float, total: float) -> float:
    """Logarithm of what the wager that heads come up more than half the time has made of 1, after `total` tosses."""
    tails = total - heads
    share = betainc(PRIOR + tails, PRIOR + heads, 0.5)  # Of the coins not ruled out: those that are bent that way.
    return _LOG_2 + wealth_either_way(heads, total) + math.log(share) if share > 0 else -math.inf


def wealth_either_way(heads: float, total: float) -> float:
    """The same for the wager that the coin is bent, whichever way."""
    return float(betaln(PRIOR + heads, PRIOR + total - heads) - betaln(PRIOR, PRIOR)) + total * _LOG_2


def is_broken(candidate: float, incumbent: float) -> bool:
    """Whether so many people each cannot have come from a fair coin."""
    return wealth_either_way(candidate, candidate + incumbent) >= math.log(BROKEN)


def odd_if_alike(candidate: Side, incumbent: Side) -> bool:
    """Whether two equal versions would hardly ever come out so differently."""
    total = candidate.conversions + incumbent.conversions
    return wealth_either_way(candidate.conversions, total) >= math.log(BROKEN)


def chance_of_more(one: Side, other: Side) -> float:
    """How likely it is that the one converts more, by what is known of lifts beforehand and what was counted."""
    return float(betainc(PRIOR + other.conversions, PRIOR + one.conversions, 0.5))


def ratio(candidate: Side, incumbent: Side) -> Ratio:
    """The candidate's rate as a multiple of the incumbent's."""
    heads, tails = candidate.conversions, incumbent.conversions
    estimate = (PRIOR + heads) / (PRIOR + tails)
    return Ratio(estimate, _bound(heads, tails, -1), _bound(heads, tails, +1))


def answer(candidate: Side, incumbent: Side, *, more_is_better: bool, enough: int, elapsed: float) -> Answer:
    """What is known of the candidate by now; `elapsed` is the share of the window that is over.

    "open" before `enough` people have met each version.
    """
    if min(candidate.people, incumbent.people) < enough:
        return "open"
    heads, tails = candidate.conversions, incumbent.conversions
    good, total = heads if more_is_better else tails, heads + tails
    if wealth(good, total) >= math.log(BETTER):
        return "better"
    if wealth(total - good, total) >= math.log(WORSE):
        return "worse"
    if 0.5 <= elapsed < 1 and chance_to_win(good, total, total / elapsed) < HOPELESS:
        return "hopeless"
    return "open"


def chance_to_win(heads: float, total: float, at_the_end: float) -> float:
    """How likely the wager is won by `at_the_end` tosses, as the coin seems to be bent and as far as that is known."""
    wanted = heads_to_win(at_the_end)
    mean = (PRIOR + heads) / (2 * PRIOR + total)
    rest = at_the_end - total
    # Heads among the rest are beta-binomial: the toss's own chance, and what is not known of the coin.
    spread = math.sqrt(max(rest, _TINY) * mean * (1 - mean) * (2 * PRIOR + at_the_end) / (2 * PRIOR + total + 1))
    return float(ndtr((heads + rest * mean - wanted) / spread))


def heads_to_win(total: float) -> float:
    """The least number of heads in `total` tosses that wins; `total` where not even all of them do."""
    if wealth(total, total) < math.log(BETTER):
        return total
    low, high = total / 2, total
    while high - low > 0.5:
        middle = (low + high) / 2
        low, high = (low, middle) if wealth(middle, total) >= math.log(BETTER) else (middle, high)
    return high


def _bound(heads: float, tails: float, side: int) -> float:
    """The lowest or highest ratio that the wager does not rule out."""
    total = heads + tails
    won = float(betaln(PRIOR + heads, PRIOR + tails) - betaln(PRIOR, PRIOR)) - math.log(INTERVAL)

    def excess(share: float) -> float:
        return won - heads * math.log(share) - tails * math.log1p(-share)

    centre = min(max(heads / total, _TINY), 1 - _TINY) if total else 0.5
    edge = _TINY if side < 0 else 1 - _TINY
    if excess(edge) <= 0:
        return 0.0 if side < 0 else math.inf
    inside, outside = centre, edge
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if excess(middle) > 0 else (middle, outside)
    return outside / (1 - outside)
