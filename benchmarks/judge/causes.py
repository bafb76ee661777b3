"""Why do several slots bring less a run where many ideas share one? One cause taken out at a time, by an oracle.

    OPENBLAS_NUM_THREADS=1 python benchmarks/judge/causes.py [--nights 100] [--first 0] [--sigma 1]

Oracles change what a run held after it was planned, as no machine could: its value is what the changed version would
have given, with the same noise. Beside one slot in the same nights, as in `parallel.py`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

from parallel import Combined, Result, Rule, line, result
from simulate import title
from world import Night, Version, World

from overnight.judge.judge import BASELINE_RUNS, Judge
from overnight.judge.noise import Noise

SLOTS = 8
EXACTLY = 10**6
"""Degrees of freedom of a noise that is known."""


class WithoutDropped(Combined):
    """An oracle: what is dropped while a run is under way was never in it."""

    def __init__(self, night: Night) -> None:
        super().__init__(night)
        self.held: dict[int, Version] = {}
        """What the experiments' runs are said to have held."""

    def learn(self, version: Version, value: float, idea: int) -> None:
        """As if the run had been of what is open or settled by now; a repeat is one of the same version."""
        gone = {other for other in version - {idea} if other not in self.judge.open and not self.is_settled(other)}
        held = self.held.setdefault(idea, version - gone)
        super().learn(held, value + self.night.truth(held) - self.night.truth(version), idea)

    def is_settled(self, idea: int) -> bool:
        """Whether an idea that is not open was taken for granted."""
        return self.judge.runs(idea) > 0  # Nothing is remembered of the runs of what was dropped.


class KnownNoise(Combined):
    """An oracle: the judge knows the noise from the beginning."""

    @staticmethod
    def _judge_of(night: Night) -> Judge:
        return Judge("higher", [night.baseline() for _ in range(BASELINE_RUNS)], Noise(night.world.sigma, EXACTLY))


def main() -> None:
    parser = argparse.ArgumentParser(description="What several experiments at once cost, one cause at a time.")
    parser.add_argument("--nights", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="the first night's seed")
    parser.add_argument("--sigma", type=float, default=1.0)
    options = parser.parse_args()
    world = World(0.15, options.sigma)
    longer = replace(world, budget=world.budget + SLOTS - 1)
    seeds = range(options.first, options.first + options.nights)

    def nights(rule: Rule, world: World, slots: int) -> list[Result]:
        return [result(rule, world, seed, slots) for seed in seeds]

    print(f"{title(world)}, {len(seeds)} nights")
    print("slots  true gain  beside one slot false keeps  claimed/true   ideas")
    alone = nights(Combined, world, 1)
    print(line(1, alone, alone), flush=True)
    for name, rule, each in [
        ("as it is", Combined, world),
        ("with as many runs more as are under way at the end", Combined, longer),
        ("without what was dropped meanwhile", WithoutDropped, world),
        ("both", WithoutDropped, longer),
    ]:
        print(line(SLOTS, nights(rule, each, SLOTS), alone), "", name, flush=True)
    alone = nights(KnownNoise, world, 1)
    print(line(1, alone, alone), "  the noise is known", flush=True)
    print(line(SLOTS, nights(KnownNoise, world, SLOTS), alone), "  the noise is known", flush=True)


if __name__ == "__main__":
    main()
