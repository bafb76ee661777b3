"""The report of a very long session: how long does it take, and how large is it?

    python benchmarks/report.py [--experiments 10000] [--keep FOLDER]

A ledger of --experiments is written without running any: noisy verdicts with intervals, hypotheses of 80 to 200
letters, 60 keeps that are real commits with real diffs, 300 crashes, an agent's notes, what everything has cost. Then
`overnight report` is run as a whole process, five times; the fastest and the slowest are printed.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from overnight.ledger.records import Judged, Measured, Proposed, Record, Resumed, Reviewed, SessionStarted, Stopped
from overnight.ledger.store import Ledger

OVERNIGHT = [sys.executable, "-m", "overnight.cli.main", "report"]
SESSION = "2026-01-31"
KEPT, CRASHES = 60, 300
PLACES = [f"{verb}_{noun}" for verb in ("build", "train", "load", "step", "mask", "norm")
          for noun in ("model", "batch", "schedule", "attention", "tokens", "loss", "weights")]  # fmt: skip
WORDS = """widen the second layer so that gradients keep their scale while warm-up is shorter and the learning rate
decays to zero over the last third of the budget because loss is still falling when time is up and batches are too small
for this schedule to pay off without more momentum in early steps""".split()  # noqa: SIM905 - it reads better
REASONS = [
    "ValueError: operands could not be broadcast together",
    "the run stopped with exit code 1",
    "it ran out of memory",
    "no metric was printed",
    "it ran past its budget",
]
NOTES = "# What pays\n\nSmaller batches and a longer warm-up pay together.\n\n" + "\n".join(
    f"- {' '.join(WORDS[start : start + 14])}" for start in range(0, 30, 3)
)
BATCH = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description="How long the report of a very long session takes, and its size.")
    parser.add_argument("--experiments", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, help="Make the project here and leave it.")
    wanted = parser.parse_args()
    work = wanted.keep or Path(tempfile.mkdtemp(prefix="overnight-bench-"))
    try:
        folder = work / "project"
        commits = project(folder)
        write_ledger(folder, commits, wanted.experiments)
        seconds = sorted(timed(folder) for _ in range(5))
        fastest, slowest = seconds[0], seconds[-1]
        print(f"{wanted.experiments:,} experiments, {KEPT} kept: {fastest:.2f} to {slowest:.2f} s")
        for name in ("report.html", "report.md", "report.png"):
            size = (folder / ".overnight" / "sessions" / SESSION / name).stat().st_size
            print(f"{name:<12} {size / 1e6:6.3f} MB")
    finally:
        if wanted.keep is None:
            shutil.rmtree(work, ignore_errors=True)


def project(folder: Path) -> list[str]:
    """A repository whose kept changes are commits; returns them, the baseline's first."""
    folder.mkdir(parents=True)
    chance = random.Random(0)
    lines = [
        f"def {place}(x):\n    return {n} * x  # {' '.join(chance.choices(WORDS, k=6))}\n"
        for n, place in enumerate(PLACES)
    ]
    (folder / "goal.md").write_text(
        "---\nedit: train.py\nrun: python train.py\nmetric: val_bpb\n---\nMake it better.\n"
    )
    who = {"NAME": "bench", "EMAIL": "bench@localhost"}
    env = {
        **os.environ,
        **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()},
    }

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=folder, env=env, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q", "-b", "main")
    commits = []
    for number in range(KEPT + 1):
        for place in chance.sample(range(len(lines)), 4):
            lines[place] = lines[place].split("\n    ")[0] + (
                f"\n    scale = {chance.random():.4f}\n    return scale * x  # {' '.join(chance.choices(WORDS, k=8))}\n"
            )
        (folder / "train.py").write_text("\n\n".join(lines))
        git("add", "-A")
        git("commit", "-q", "-m", f"change {number}")
        commits.append(git("rev-parse", "HEAD"))
    return commits


def write_ledger(folder: Path, commits: list[str], experiments: int) -> None:
    """As many experiments as if they had been run, ten seconds each."""
    (folder / ".overnight").mkdir()
    ledger = Ledger.open(folder / ".overnight" / "ledger.db")
    settings = {"edit": ["train.py"], "run": "python train.py", "metric": "val_bpb", "agent": ["search", "claude"]}
    started = SessionStarted(goal="Make it better.", settings=settings, base=commits[0], folder="", seed=0, version="0",
                             sandbox="bubblewrap")  # fmt: skip
    first = Judged(number=0, verdict="baseline", reason="5 runs", metric=2.114, metric_low=2.111, metric_high=2.117,
                   hypothesis="the baseline", commit=commits[0])  # fmt: skip
    ledger.append(SESSION, started, Resumed(pid=1, settings=settings), first)
    chance = random.Random(1)
    keeps = sorted(chance.sample(range(1, experiments + 1), KEPT), key=lambda number: number)
    crashes = set(chance.sample(sorted(set(range(1, experiments + 1)) - set(keeps)), CRASHES))
    metric, records = 2.114, list[Record]()
    for number in range(1, experiments + 1):
        judged = experiment(chance, number, metric)
        if number in crashes:
            judged = judged.model_copy(update={"verdict": "crash", "metric": None, "gain": None, "gain_low": None,
                                               "gain_high": None, "reason": chance.choice(REASONS)})  # fmt: skip
        elif number in keeps:
            gain = chance.expovariate(1 / (0.24 / KEPT))
            low, high = gain - 0.001, gain + 0.001
            kept = {
                **{"verdict": "keep", "commit": commits[1 + keeps.index(number)]},
                **{"metric": metric - gain, "metric_low": metric - high, "metric_high": metric - low},
                **{"gain": gain, "gain_low": low, "gain_high": high},
            }
            judged = judged.model_copy(update=kept)
            metric -= gain
        cost = 0.01 if judged.proposer == "claude" else None
        records += [
            Proposed(number=number, hypothesis=judged.hypothesis, proposer=judged.proposer, parent=commits[0],
                     cost=cost, input_tokens=900, output_tokens=300, seconds=3.0),
            Measured(number=number, role="candidate", commit=commits[0], fingerprint=str(number), seed=number,
                     outcome="ok" if judged.metric else "crash", value=judged.metric, wall_seconds=6.0, cpu_seconds=5.5,
                     joules=300.0),
            judged,
        ]  # fmt: skip
        if len(records) > BATCH:
            ledger.append(SESSION, *records)
            records.clear()
    notes = Reviewed(number=experiments, proposer="claude", text=NOTES)
    ledger.append(SESSION, *records, notes, Stopped(finished=True, reason=f"all {experiments} experiments are done"))
    ledger.close()


def experiment(chance: random.Random, number: int, metric: float) -> Judged:
    """One that is not better."""
    hypothesis = ""
    length = chance.randint(80, 200)
    while len(hypothesis) < length:
        hypothesis += f"{chance.choice(WORDS)} "
    gain, half = -chance.expovariate(1 / 0.03), 0.004
    return Judged(
        number=number,
        verdict="discard",
        reason=f"worse by {-gain:.3g}",
        hypothesis=hypothesis.strip(),
        proposer=chance.choice(("search", "claude")),
        metric=metric - gain,
        before=metric,
        gain=gain,
        gain_low=gain - half,
        gain_high=gain + half,
        evidence={"chance": 0.02, "runs": 2.0, "noise": 0.004, "good": 0.1, "size": 0.01},
        about=(chance.choice(PLACES), chance.choice(PLACES)),
        commit=f"{number:040x}",
        runs=2,
        seconds=10.0,
        output_tail="step 100 loss 2.3\n" * 20,
    )


def timed(folder: Path) -> float:
    """Wall seconds of the whole command."""
    began = time.perf_counter()
    subprocess.run(OVERNIGHT, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
