"""Does the whole program decide as the simulation says? `overnight run` on a folder with known truth and noise.

    python benchmarks/judge/whole_program.py [--nights 4] [--experiments 150] [--p-good 0.15] [--slots 8]

Each night is a real session: a git repository, an agent that proposes one idea at a time by changing one line of
`ideas.py`, and a `run` that prints the known truth of whatever ideas are in the file, plus noise. The simulation plays
the same ideas with as many runs. Printed side by side: true gain, false keeps, claimed divided by true gain, runs.
With `--slots`, the same night with so many runs at a time too (each waits a little, so that they really are), and how
much more true gain a run brings than one after the other: the mean over the nights and its 95 % interval.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

from rules import RULES, Outcome, Result, result_of
from world import Night, World

LEVEL = 1000.0
"""The baseline's metric: far from zero, so that nothing depends on its sign."""

GOAL = """---
edit: ideas.py
run: {python} run.py
metric: loss
direction: lower
budget: 20s
agent: {python} agent.py
slots: {slots}
ahead: {ahead}
stop: {{experiments: {experiments}}}
---
Make the loss small.
"""
RUN = """import json, os, random, runpy, time
time.sleep({seconds})
effects = json.load(open("effects.json"))
ideas = runpy.run_path("ideas.py")
noise = random.Random(os.urandom(8)).gauss(0, {sigma})
print("loss:", {level} - sum(effects[n] for n in range(len(effects)) if ideas[f"IDEA_{{n + 1}}"]) + noise)
"""
AGENT = """import os, re
number = int(re.search(r"# Experiment (\\d+)", open(os.environ["OVERNIGHT_BRIEF"]).read())[1])
text = open("ideas.py").read()
open("ideas.py", "w").write(text.replace(f"IDEA_{number} = False\\n", f"IDEA_{number} = True\\n"))
print(f"hypothesis: idea {number}")
"""


def real_night(world: World, seed: int, experiments: int, slots: int, folder: Path) -> Result:
    """The program's night; with one slot, one step after the other."""
    night = Night(world, seed)
    for _ in range(experiments):
        night.idea()
    # To git, changes of neighbouring lines conflict.
    ideas = "".join(f"# {number}\nIDEA_{number + 1} = False\n" for number in range(experiments))
    ahead = "0" if slots == 1 else ""
    files = {
        "goal.md": GOAL.format(python=sys.executable, experiments=experiments, slots=slots, ahead=ahead),
        "run.py": RUN.format(sigma=world.sigma, level=LEVEL, seconds=0.5 if slots > 1 else 0),
        "agent.py": AGENT,
        "ideas.py": ideas,
        "effects.json": json.dumps(night.effects),
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    overnight = [sys.executable, "-m", "overnight.cli.main"]
    command = [*overnight, "run", "--init", "--plain", "--seed", str(seed)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    log = subprocess.run([*overnight, "log", "--json"], cwd=folder, check=True, capture_output=True, text=True).stdout
    records = [json.loads(line) for line in log.splitlines()]
    kept = [record["number"] - 1 for record in records if record["verdict"] == "keep"]
    on_branch = subprocess.run(
        ["git", "show", "overnight/" + session_of(folder) + ":ideas.py"],
        cwd=folder, check=True, capture_output=True, text=True,
    ).stdout.count("= True")  # fmt: skip
    assert on_branch == len(kept), "the branch is not what the log says"
    claimed = math.fsum(record["gain"] for record in records if record["verdict"] == "keep")
    runs = sum(record["runs"] for record in records[1:])
    return replace(result_of(night, Outcome(frozenset(kept), claimed)), runs=runs)


def session_of(folder: Path) -> str:
    """The session's name."""
    command = [sys.executable, "-m", "overnight.cli.main", "status", "--json"]
    return str(json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout)["session"])


def simulated_night(world: World, seed: int, runs: int) -> Result:
    """The simulation's night, with as many runs."""
    night = Night(World(world.p_good, world.sigma, budget=runs), seed)
    return result_of(night, RULES["overnight"](night))


def line(name: str, nights: list[Result]) -> str:
    """One line of the table."""
    gain, kept = fmean(night.gain for night in nights), sum(night.kept for night in nights)
    false = sum(night.false for night in nights) / kept if kept else 0.0
    claimed = sum(night.claimed for night in nights) / (gain * len(nights)) if gain else math.nan
    runs = fmean(night.runs for night in nights)
    return f"  {name:12} gain {gain:6.2f}  false {false:4.0%}  claimed/true {claimed:5.2f}  runs {runs:4.0f}"


def beside(name: str, nights: list[Result], serial: list[Result]) -> str:
    """How much more a run brings than in the same night one after the other."""
    each, alone = ([night.gain / night.runs for night in results] for results in (nights, serial))
    more = [one - other for one, other in zip(each, alone, strict=True)]
    reach = 1.96 * stdev(more) / math.sqrt(len(more)) if len(more) > 1 else math.nan
    percent = 100 / fmean(alone) if fmean(alone) > 0 else math.nan
    return f"  {name:12} a run brings {percent * fmean(more):+.1f} ± {percent * reach:.1f} %"


def main() -> None:
    parser = argparse.ArgumentParser(description="The whole program against the simulation.")
    parser.add_argument("--nights", type=int, default=4)
    parser.add_argument("--experiments", type=int, default=150)
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--p-good", type=float, default=0.15)
    options = parser.parse_args()
    for world in (World(options.p_good, sigma) for sigma in (0.0, 0.3, 1.0, 3.0)):
        real, side_by_side, simulated = [], [], []
        for seed in range(options.nights):
            for slots, results in ((1, real), (options.slots, side_by_side)):
                if slots > 1 or results is real:
                    with tempfile.TemporaryDirectory() as folder:
                        results.append(real_night(world, seed, options.experiments, slots, Path(folder)))
            simulated.append(simulated_night(world, seed, real[-1].runs))
        print(f"\np_good {world.p_good:g}, σ {world.sigma:g}: {options.nights} nights of {options.experiments} ideas")
        print(line("program", real))
        print(line("simulation", simulated), flush=True)
        if side_by_side:
            print(line(f"{options.slots} slots", side_by_side))
            print(beside(f"{options.slots} slots", side_by_side, real), flush=True)


if __name__ == "__main__":
    main()
