"""How often the truth lies within the band that is drawn around the incumbent's metric. usage: band.py [NIGHTS]

Every tenth experiment of each night counts: the metric claimed then, and how far it may be off by the judge's own word.
"""

from __future__ import annotations

import sys
from random import Random
from statistics import fmean

from rules import decisions, judge_of
from simulate import title
from world import Night, World

from overnight.judge.judge import BASELINE_RUNS

_WORLDS = [World(0.15, 0.3), World(0.05, 1.0), World(0.15, 1.0), World(0.15, 1.0, "heavy"), World(0.15, 3.0)]


def looks(night: Night) -> list[tuple[bool, float]]:
    """Whether the truth was within the band, and the band's half width, at every tenth experiment."""
    seen: list[tuple[bool, float]] = []
    judge = judge_of(night)
    assert judge is not None, "these worlds are noisy"
    # How far the mean of the baseline's runs was off.
    start = night.world.sigma / BASELINE_RUNS**0.5 * Random(f"{night.seed} baseline").gauss(0, 1)
    for kept in decisions(night, judge):
        if len(night.effects) % 10 == 0 and kept:
            claimed = start + sum(judge.gain(idea).mean for idea in kept)
            reach = judge.reach(kept)
            seen.append((abs(claimed - night.truth(kept)) <= reach, reach))
    return seen


def main() -> None:
    """Print a line for each world."""
    nights = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    for world in _WORLDS:
        seen = [look for seed in range(nights) for look in looks(Night(world, seed))]
        within = fmean(inside for inside, _ in seen)
        width = fmean(reach for _, reach in seen)
        print(f"{title(world):<45} within {within:6.1%}   half width {width:.2f}   ({len(seen)} looks)")


if __name__ == "__main__":
    main()
