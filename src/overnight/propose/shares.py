"""Who of several proposers is asked next: the one that earns most for its time and money, while all stay in the game.

A bandit: Thompson sampling with rewards between 0 and 1 taken as fractions of a success (S. Agrawal and N. Goyal,
"Analysis of Thompson Sampling for the Multi-armed Bandit Problem", 2012), each draw divided by what an experiment of
that proposer takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

_HOURS_A_DOLLAR = 0.5
"""How many hours of the machine a dollar is worth, where the stop rules do not say: about the rent of one GPU."""
_PRIOR = (1.0, 9.0)
"""Successes and failures before anything is known: of good ideas one in ten is kept."""
_MEMORY = 0.99
"""What a verdict counts compared with the next one: gains get smaller as the night goes on."""
_LEAST_SHARE = 0.05
"""Of each proposer, so that one that was unlucky, or comes into its own late, is seen again."""


@dataclass(frozen=True)
class Earned:
    """One experiment, as far as it matters here."""

    who: str
    gain: float
    """Of a kept change, in the metric's unit; 0 for any other."""
    hours: float
    dollars: float


def choose(who: Sequence[str], earned: Sequence[Earned], random: Random, *, hours_a_dollar: float | None = None) -> str:
    """Who is asked next; `earned` is in order, the newest last."""
    if random.random() < _LEAST_SHARE * len(who):
        return random.choice(who)
    prices = _prices(who, earned, hours_a_dollar if hours_a_dollar is not None else _HOURS_A_DOLLAR)
    drawn = {name: random.betavariate(*_posterior(name, earned)) / prices[name] for name in who}
    return max(who, key=lambda name: drawn[name])


def _posterior(name: str, earned: Sequence[Earned]) -> tuple[float, float]:
    largest = max((each.gain for each in earned), default=0.0)
    successes, failures = _PRIOR
    weight = 1.0
    for each in reversed(earned):
        if each.who == name:
            reward = each.gain / largest if largest > 0 else 0.0
            successes += weight * reward
            failures += weight * (1.0 - reward)
        weight *= _MEMORY
    return successes, failures


def _prices(who: Sequence[str], earned: Sequence[Earned], hours_a_dollar: float) -> Mapping[str, float]:
    """Hours that an experiment of each takes, money counted as time; like everybody's while little is known."""
    spent = [each.hours + hours_a_dollar * each.dollars for each in earned]
    usual = max(sum(spent) / len(spent), 1e-9) if spent else 1.0
    prices = {}
    for name in who:
        own = [hours for each, hours in zip(earned, spent, strict=True) if each.who == name]
        prices[name] = (usual + sum(own)) / (1 + len(own))
    return prices
