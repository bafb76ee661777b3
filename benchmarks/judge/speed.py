"""How long does a decision take, also late in a long night?

    python benchmarks/judge/speed.py [--experiments 10000]

One decision is everything the judge does for an experiment: planning what the run holds, learning from it, saying what
is to be kept now and what to drop. Printed: milliseconds for one, in the first and in the last thousand experiments.
"""

from __future__ import annotations

import argparse
import time
from random import Random

from world import Night, World

from overnight.judge.judge import Judge
from overnight.judge.ties import Ties


def main() -> None:
    parser = argparse.ArgumentParser(description="Milliseconds for one decision of the judge.")
    parser.add_argument("--experiments", type=int, default=10_000)
    experiments = parser.parse_args().experiments
    print("p_good  sigma   first 1000    last 1000    open ideas at the end")
    for world in (World(p_good, sigma, budget=experiments + 10) for p_good in (0.05, 0.15) for sigma in (0.3, 1, 3)):
        night, random, ties = Night(world, 0), Random(0), Ties()
        judge = Judge("higher", [night.baseline() for _ in range(5)])
        kept: list[int] = []
        spent = []
        for _ in range(experiments):
            idea = night.idea()
            began = time.perf_counter()
            version = judge.plan(idea, ties, random)
            planned = time.perf_counter() - began
            value = night.measure(version)
            began = time.perf_counter()
            judge.observe(version, value)
            kept = judge.best(kept, ties)
            judge.drop(set(judge.hopeless(ties)) - set(kept))
            judge.settle(judge.surest(kept, ties))
            spent.append(planned + time.perf_counter() - began)
        first, last = sum(spent[:1000]), sum(spent[-1000:])
        print(f"{world.p_good:6} {world.sigma:6} {first:9.2f} ms {last:9.2f} ms {len(judge.open):10}", flush=True)


if __name__ == "__main__":
    main()
