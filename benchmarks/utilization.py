"""How much of a night the slots measure: real sessions, with runs and agents that sleep, beside one that takes turns.

    python benchmarks/utilization.py [--seconds 5] [--slots 1 8] [--waves 10]

A run sleeps for `--seconds`, an agent for 20 % or 100 % of that; 3 % or 15 % of the ideas are improvements, each on
lines of its own. The share is that of the time from the first candidate's run until the last idea is first run in which
slots measure, as the ledger has it; `experiments/h` counts verdicts in the same time. In turns (`ahead: 0`, one slot)
is the same program, which then thinks only while its slot is free. Sessions follow each other, so that each has the
machine to itself.
"""

from __future__ import annotations

import argparse
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

RUN = """import time
ideas = {}
exec(open("ideas.py").read(), ideas)
time.sleep(SECONDS)
print("loss:", 100 - sum(ideas[name] for name in ideas if name.startswith("IDEA_")))
"""
AGENT = """import random, re, sys, time
number = int(re.findall(r"^# Experiment (\\d+)", sys.stdin.read(), re.M)[-1])
time.sleep(SECONDS)
lines = open("ideas.py").read().splitlines(keepends=True)
gain = random.Random(number).random() < KEPT
lines[2 * number] = f"IDEA_{number} = {1 if gain else -1}\\n"
open("ideas.py", "w").write("".join(lines))
print("hypothesis: idea", number)
"""


@dataclass(frozen=True)
class Night:
    """One session's figures."""

    busy: float
    hourly: float
    kept: int
    experiments: int


def night(*, slots: int, experiments: int, seconds: float, thinks: float, kept: float, ahead: bool) -> Night:
    """Run a session in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="overnight-utilization-") as place:
        folder = Path(place)
        (folder / "run.py").write_text(RUN.replace("SECONDS", str(seconds)))
        (folder / "agent.py").write_text(AGENT.replace("SECONDS", str(thinks)).replace("KEPT", str(kept)))
        (folder / "ideas.py").write_text("".join(f"# {line}\n" for line in range(2 * experiments + 2)))
        (folder / "goal.md").write_text(
            f"---\nedit: ideas.py\nrun: {sys.executable} -S run.py\nmetric: loss\nbudget: 60s\nslots: {slots}\n"
            f"agent: {sys.executable} -S agent.py\nstop: {{experiments: {experiments}}}\n"
            f"{'' if ahead else 'ahead: 0'}\n---\nLess.\n"
        )
        git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
            subprocess.run([*git, *command], cwd=folder, check=True)
        command = [sys.executable, "-m", "overnight.cli.main", "run", "--plain"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        return figures(folder / ".overnight" / "ledger.db", slots)


def figures(ledger: Path, slots: int) -> Night:
    """What the ledger says of a session."""
    begun = "time - CAST(payload ->> 'wall_seconds' AS FLOAT)"
    with sqlite3.connect(ledger) as connection:
        of_candidates = "FROM events WHERE kind = 'measured' AND number > 0"
        runs = connection.execute(f"SELECT {begun}, time {of_candidates} ORDER BY 1").fetchall()
        firsts = connection.execute(f"SELECT min({begun}) {of_candidates} GROUP BY number").fetchall()
        judged = connection.execute("SELECT time FROM events WHERE kind = 'judged' AND number > 0")
        verdicts = [time for (time,) in judged]
        (kept,) = connection.execute("SELECT count(*) FROM experiments WHERE verdict = 'keep'").fetchone()
    first, last = runs[0][0], max(begin for (begin,) in firsts)
    busy = sum(max(min(end, last) - begin, 0.0) for begin, end in runs) / (slots * (last - first))
    return Night(busy, 3600 * sum(first <= time <= last for time in verdicts) / (last - first), kept, len(verdicts))


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--slots", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--waves", type=int, default=10, help="experiments for each slot")
    chosen = parser.parse_args()
    print("slots  agent  good ideas  measuring  in turns  experiments/h  kept", flush=True)
    for thinks in (0.2, 1.0):
        for kept in (0.03, 0.15):
            usual = {"seconds": chosen.seconds, "thinks": thinks * chosen.seconds, "kept": kept}
            turns = night(slots=1, experiments=chosen.waves, ahead=False, **usual)
            for slots in chosen.slots:
                found = night(slots=slots, experiments=chosen.waves * slots, ahead=True, **usual)
                shares = f"{found.busy:9.1%}  {turns.busy:8.1%}"
                of = f"{found.kept} of {found.experiments}"
                print(f"{slots:5}  {thinks:5.0%}  {kept:10.0%}  {shares}  {found.hourly:13.0f}  {of}", flush=True)


if __name__ == "__main__":
    main()
