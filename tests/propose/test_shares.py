"""Who of several proposers is asked next."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from overnight.propose.shares import Earned, choose

NIGHT = 300


def shares(
    kept: dict[str, float], hours: dict[str, float], dollars: dict[str, float], *, seed: int, **settings: float
) -> Counter[str]:
    """How often each is asked in a night in which it keeps so many of its ideas."""
    random, world, earned = Random(seed), Random(1000 + seed), list[Earned]()
    for _ in range(NIGHT):
        who = choose(list(kept), earned, random, **settings)
        gain = world.uniform(0.5, 1.0) if world.random() < kept[who] else 0.0
        earned.append(Earned(who, gain, hours[who], dollars[who]))
    return Counter(each.who for each in earned)


def mean_share(who: str, **world: dict[str, float]) -> float:
    nights = [shares(world["kept"], world["hours"], world["dollars"], seed=seed) for seed in range(20)]
    return sum(night[who] for night in nights) / (NIGHT * len(nights))


SAME = {"a": 0.1, "b": 0.1}
FREE = {"a": 0.0, "b": 0.0}


def test_equals_share_equally() -> None:
    assert mean_share("a", kept={"a": 0.1, "b": 0.1}, hours=SAME, dollars=FREE) == pytest.approx(0.5, abs=0.12)


def test_who_keeps_more_gets_more() -> None:
    assert mean_share("a", kept={"a": 0.15, "b": 0.03}, hours=SAME, dollars=FREE) > 0.75


def test_who_takes_less_time_gets_more() -> None:
    assert mean_share("a", kept={"a": 0.1, "b": 0.1}, hours={"a": 0.05, "b": 0.2}, dollars=FREE) > 0.75


def test_who_takes_less_money_gets_more() -> None:
    assert mean_share("a", kept={"a": 0.1, "b": 0.1}, hours=SAME, dollars={"a": 0.0, "b": 1.0}) > 0.75


def test_nobody_is_forgotten() -> None:
    asked = shares({"a": 0.5, "b": 0.0}, SAME, FREE, seed=3)
    assert asked["b"] >= NIGHT * 0.05 / 4


def test_what_a_dollar_is_worth_can_be_said() -> None:
    world = ({"a": 0.1, "b": 0.1}, {"a": 0.1, "b": 0.3}, {"a": 1.0, "b": 0.0})
    dear = sum(shares(*world, seed=seed, hours_a_dollar=5.0)["b"] for seed in range(10))
    cheap = sum(shares(*world, seed=seed, hours_a_dollar=0.001)["b"] for seed in range(10))
    assert dear > 2 * cheap
