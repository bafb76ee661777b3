"""Does the whole program decide as the simulation says? `overnight run` on a folder with known truth and noise.

    python benchmarks/judge/whole_program.py [--nights 4] [--experiments 150]

Each night is a real session: a git repository, an agent that proposes one idea at a time by changing one line of
`ideas.py`, and a `run` that prints the known truth of whatever ideas are in the file, plus noise. The simulation plays
the same ideas with as many runs. Printed side by side: true gain, false keeps, claimed divided by true gain, runs.
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
from statistics import fmean

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
stop: {{experiments: {experiments}}}
---
Make the loss small.
"""
RUN = """import json, os, random, runpy
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


def real_night(world: World, seed: int, experiments: int, folder: Path) -> Result:
    """The program's night."""
    night = Night(world, seed)
    for _ in range(experiments):
        night.idea()
    ideas = "".join(f"IDEA_{number + 1} = False\n" for number in range(experiments))
    files = {
        "goal.md": GOAL.format(python=sys.executable, experiments=experiments),
        "run.py": RUN.format(sigma=world.sigma, level=LEVEL),
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


def main() -> None:
    parser = argparse.ArgumentParser(description="The whole program against the simulation.")
    parser.add_argument("--nights", type=int, default=4)
    parser.add_argument("--experiments", type=int, default=150)
    options = parser.parse_args()
    for world in (World(0.15, 0.0), World(0.15, 0.3), World(0.15, 1.0), World(0.15, 3.0)):
        real, simulated = [], []
        for seed in range(options.nights):
            with tempfile.TemporaryDirectory() as folder:
                real.append(real_night(world, seed, options.experiments, Path(folder)))
            simulated.append(simulated_night(world, seed, real[-1].runs))
        print(f"\np_good {world.p_good:g}, σ {world.sigma:g}: {options.nights} nights of {options.experiments} ideas")
        print(line("program", real))
        print(line("simulation", simulated), flush=True)


if __name__ == "__main__":
    main()
