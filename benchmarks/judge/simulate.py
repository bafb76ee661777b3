"""How well does a rule decide? Simulated nights with known true effects, the rules side by side.

    python benchmarks/judge/simulate.py [--nights 200]

For each rule: the true gain at the end of the night (in typical effects, with a 95 % interval of its mean), the share
of the final keeps that are no improvement, the claimed gain divided by the true one, and ideas tried with the 700 runs.
All rules meet the same ideas in the same order.
"""

from __future__ import annotations

import argparse
import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from statistics import fmean, stdev

from rules import RULES
from world import Night, World

WORLDS = [
    *(World(p_good, sigma) for p_good in (0.05, 0.15) for sigma in (0.0, 0.3, 1.0, 3.0)),
    *(World(p_good, sigma, tails="heavy") for p_good in (0.05, 0.15) for sigma in (0.3, 1.0, 3.0)),
    *(World(p_good, sigma, drift=4.0) for p_good in (0.05, 0.15) for sigma in (0.3, 1.0, 3.0)),
    *(World(p_good, 1.0, alike=0.9) for p_good in (0.05, 0.15)),
]


@dataclass(frozen=True)
class Score:
    """One rule in one world, over all nights."""

    gain: float
    reach: float
    """Half the width of the 95 % interval of `gain`."""
    false_keeps: float
    claimed: float
    ideas: float


def play(rule: str, world: World, seeds: range) -> list[tuple[float, int, int, float, int]]:
    """True gain, false keeps, keeps, claimed gain and ideas of each night."""
    results = []
    for seed in seeds:
        night = Night(world, seed)
        outcome = RULES[rule](night)
        false = sum(night.effects[number] <= 0 for number in outcome.kept)
        results.append((night.truth(outcome.kept), false, len(outcome.kept), outcome.claimed, len(night.effects)))
    return results


def score(rule: str, world: World, nights: int) -> Score:
    """The rule's figures over `nights` nights."""
    gains, false, kept, claimed, ideas = zip(*play(rule, world, range(nights)), strict=True)
    return Score(
        gain=fmean(gains),
        reach=1.96 * stdev(gains) / math.sqrt(nights),
        false_keeps=sum(false) / sum(kept) if sum(kept) else 0.0,
        claimed=sum(claimed) / sum(gains) if sum(gains) > 0 else math.nan,
        ideas=fmean(ideas),
    )


def title(world: World) -> str:
    """A world in words."""
    drift = f", drift {world.drift:g}σ" if world.drift else ""
    alike = f", {world.alike:.0%} of it the seed's" if world.alike else ""
    return f"p_good {world.p_good:g}, σ {world.sigma:g}, {world.tails} noise{drift}{alike}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Rules of deciding, side by side, on simulated nights.")
    parser.add_argument("--nights", type=int, default=200)
    nights = parser.parse_args().nights
    with ProcessPoolExecutor() as pool:
        jobs = {(world, rule): pool.submit(score, rule, world, nights) for world in WORLDS for rule in RULES}
        for world in WORLDS:
            print(f"\n{title(world)}\n{'':13} {'true gain':>16} {'false keeps':>12} {'claimed/true':>13} {'ideas':>7}")
            for rule in RULES:
                found = jobs[world, rule].result()
                gain = f"{found.gain:.2f} ± {found.reach:.2f}"
                print(f"{rule:13} {gain:>16} {found.false_keeps:>11.0%} {found.claimed:>13.2f} {found.ideas:>7.0f}")


if __name__ == "__main__":
    main()
