"""Live experiments with known truth, looked at every hour for a week: what is kept wrongly, what is missed, how soon.

    python benchmarks/judge/live.py > benchmarks/judge/live.txt      # some minutes on one core

The judge is the code that ships (`overnight.judge.sequential`), asked as the loop asks it. Beside it plays what is
usual: a z-test of two rates at 5 %, looked at each hour, which keeps as soon as it says "significant".
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from overnight.judge import sequential
from overnight.judge.sequential import Side, answer, heads_to_win, ratio

HOURS = 168
CONVERSIONS = 4000
"""In the whole week, both versions together, if they are alike."""
ENOUGH = 400
MEAN_LIFT = 0.10
"""Of the ideas that help; as large is the mean harm of those that do harm."""
Z = float(ndtri(0.975))
Rule = Callable[[Side, Side, float], str]


@dataclass(frozen=True)
class Trial:
    """How one week went."""

    verdict: str
    hours: int
    people: float
    """Of the candidate's, when it was decided."""
    claimed: float
    """The candidate's rate as a multiple of the incumbent's, as the judge has it."""


def week(random: np.random.Generator, rate: float, lift: float, *, wild: bool = False) -> Iterator[tuple[Side, Side]]:
    """The counts of both versions hour by hour. In a wild week the rate goes up and down from day to day by half of it,
    three quarters of the people come by day, and who converts does so up to three days later."""
    hour = np.arange(HOURS)
    crowd = CONVERSIONS / rate / HOURS / 2 * (1 + 0.5 * np.sin(2 * np.pi * hour / 24) * wild)
    rates = rate * (1 + 0.5 * np.sin(2 * np.pi * hour / HOURS) * wild)
    sides = []
    for factor in (1 + lift, 1.0):
        people = random.poisson(crowd)
        converting = random.binomial(people, np.minimum(rates * factor, 1))
        if wild:
            late = np.zeros(HOURS)
            for at, count in enumerate(converting):
                np.add.at(late, np.minimum(at + random.integers(0, 72, count), HOURS - 1), 1)
            converting = np.minimum(np.cumsum(late), np.cumsum(people))
            sides.append((converting, np.cumsum(people)))
        else:
            sides.append((np.cumsum(converting), np.cumsum(people)))
    (won, met), (won_too, met_too) = sides
    for at in range(HOURS):
        yield Side(float(won[at]), float(met[at])), Side(float(won_too[at]), float(met_too[at]))


def ours(candidate: Side, incumbent: Side, elapsed: float) -> str:
    """What ships."""
    return answer(candidate, incumbent, more_is_better=True, enough=ENOUGH, elapsed=elapsed)


def usual(candidate: Side, incumbent: Side, elapsed: float) -> str:
    """The z-test of two rates, as if it were looked at once only."""
    if min(candidate.people, incumbent.people) < ENOUGH:
        return "open"
    rate = (candidate.conversions + incumbent.conversions) / (candidate.people + incumbent.people)
    sd = math.sqrt(rate * (1 - rate) * (1 / candidate.people + 1 / incumbent.people))
    z = (candidate.rate - incumbent.rate) / sd if sd else 0.0
    return "better" if z > Z else "worse" if z < -Z else "open"


def once(candidate: Side, incumbent: Side, elapsed: float) -> str:
    """The z-test when it is looked at once, at the end of the week, as it is meant to be."""
    return usual(candidate, incumbent, elapsed) if elapsed == 1 else "open"


def play(rule: Rule, random: np.random.Generator, rate: float, lift: float, *, wild: bool = False) -> Trial:
    """One week, until the rule decides."""
    candidate = incumbent = Side(0, 0)
    for hour, (candidate, incumbent) in enumerate(week(random, rate, lift, wild=wild), 1):
        verdict = rule(candidate, incumbent, hour / HOURS)
        if verdict != "open":
            return Trial(verdict, hour, candidate.people, ratio(candidate, incumbent).estimate)
    return Trial("open", HOURS, candidate.people, ratio(candidate, incumbent).estimate)


def share(trials: list[Trial], verdict: str) -> float:
    return 100 * sum(trial.verdict == verdict for trial in trials) / len(trials)


def false_keeps(weeks: int) -> None:
    """How often something that is not better is kept."""
    print(f"No difference, {CONVERSIONS:,} conversions a week, {weeks} weeks: kept / dropped as worse, in percent")
    print("  rate   week   sequential     z-test each hour   z-test once")
    for rate in (0.01, 0.05, 0.20):
        for wild in (False, True):
            cells = []
            for rule in (ours, usual, once):
                random = np.random.default_rng(1)
                trials = [play(rule, random, rate, 0.0, wild=wild) for _ in range(weeks)]
                cells.append(f"{share(trials, 'better'):4.1f} / {share(trials, 'worse'):4.1f}")
            print(f"  {rate:4.0%}   {'wild' if wild else 'calm'}   {cells[0]}    {cells[1]}        {cells[2]}")


def power(weeks: int) -> None:
    """How often and how soon a true difference is seen."""
    print(f"\nA true lift, {CONVERSIONS:,} conversions a week, {weeks} weeks")
    print("  rate   lift    kept   worse   hopeless   week's end   hours to a keep   people each   claimed / true")
    for rate in (0.01, 0.05, 0.20):
        for lift in (-0.20, -0.10, -0.05, 0.05, 0.10, 0.20, 0.30):
            random = np.random.default_rng(2)
            trials = [play(ours, random, rate, lift) for _ in range(weeks)]
            kept = [trial for trial in trials if trial.verdict == "better"]
            how = ""
            if len(kept) >= 10:
                hours, people = (np.median([each.hours for each in kept]), np.median([each.people for each in kept]))
                claimed = np.mean([each.claimed for each in kept]) - 1
                how = f"{hours:12.0f} {people:14,.0f} {claimed:+12.3f} / {lift:+.2f}"
            cells = "   ".join(f"{share(trials, verdict):6.1f}" for verdict in ("better", "worse", "hopeless", "open"))
            print(f"  {rate:4.0%}  {lift:+5.0%}  {cells}     {how}")


def needed(trials: int) -> None:
    """How many conversions a true lift takes, where there is no end to the window."""
    print(f"\nConversions of both versions together until a true lift is kept, {trials} trials without an end")
    print("   lift   half of them by   four in five by")
    for lift, most in ((0.05, 120_000), (0.1, 30_000), (0.2, 10_000), (0.3, 6_000), (0.5, 3_000), (1.0, 1_500)):
        random = np.random.default_rng(4)
        totals = np.arange(most // 600, most + 1, most // 600)
        bounds = np.array([heads_to_win(float(total)) for total in totals])
        heads = np.cumsum(random.binomial(most // 600, (1 + lift) / (2 + lift), (trials, len(totals))), axis=1)
        first = np.where((heads >= bounds).any(axis=1), (heads >= bounds).argmax(axis=1), len(totals) - 1)
        half, most_of_them = np.quantile(totals[first], [0.5, 0.8])
        print(f"  {lift:+5.0%} {half:17,.0f} {most_of_them:17,.0f}")


def ideas(random: np.random.Generator, good: float) -> float:
    """The lift of an idea: a share `good` helps, a quarter does nothing, the rest does harm."""
    kind = random.random()
    if kind < good:
        return float(random.exponential(MEAN_LIFT))
    return 0.0 if kind < good + 0.25 else -min(float(random.exponential(MEAN_LIFT)), 0.9)


def seasons(count: int, rate: float = 0.05) -> None:
    """What a year of ideas comes to under several thresholds."""
    print(
        f"\n{count} ideas at a rate of {rate:.0%}, {MEAN_LIFT:.0%} the mean lift of those that help; "
        "true: the sum of the true lifts of the kept ones"
    )
    print("  good   kept from   prior   hopeless   kept   of these no better   true    claimed   hours an idea")
    settings = [(better, 100.0, 0.05) for better in (10.0, 20.0, 40.0, 100.0)]
    settings += [(40.0, prior, 0.05) for prior in (15.0, 50.0, 200.0)]
    settings += [(40.0, 100.0, hopeless) for hopeless in (0.0, 0.02, 0.1)]
    for good in (0.1, 0.2):
        for better, prior, hopeless in settings:
            sequential.BETTER, sequential.PRIOR, sequential.HOPELESS = better, prior, hopeless
            _season(ours, f"{better:9.0f} {prior:7.0f} {hopeless:10.2f}", count, rate, good)
        sequential.BETTER, sequential.PRIOR, sequential.HOPELESS = 40.0, 100.0, 0.05
        _season(usual, "        z-test each hour    ", count, rate, good)
        _season(once, "        z-test once         ", count, rate, good)


def _season(rule: Rule, name: str, count: int, rate: float, good: float) -> None:
    random = np.random.default_rng(3)
    lifts = [ideas(random, good) for _ in range(count)]
    trials = [play(rule, np.random.default_rng(number), rate, lift) for number, lift in enumerate(lifts)]
    kept = [(lift, trial) for lift, trial in zip(lifts, trials, strict=True) if trial.verdict == "better"]
    false = 100 * sum(lift <= 0 for lift, _ in kept) / max(len(kept), 1)
    true, claimed = sum(lift for lift, _ in kept), sum(trial.claimed - 1 for _, trial in kept)
    hours = np.mean([trial.hours for trial in trials])
    print(f"  {good:4.0%}   {name}   {len(kept):4d} {false:18.1f} % {true:8.2f} {claimed:9.2f} {hours:12.0f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weeks", type=int, default=2000)
    parser.add_argument("--ideas", type=int, default=4000)
    parser.add_argument("--only", choices=("false", "power", "needed", "seasons"))
    given = parser.parse_args()
    if given.only in (None, "false"):
        false_keeps(given.weeks)
    if given.only in (None, "power"):
        power(given.weeks)
    if given.only in (None, "needed"):
        needed(given.weeks)
    if given.only in (None, "seasons"):
        seasons(given.ideas)
