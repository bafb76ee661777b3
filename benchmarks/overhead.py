"""What a loop adds to an experiment that does nothing: Overnight, labloop, and bare fork+exec, in one run.

    python benchmarks/overhead.py [--experiments 100] [--rounds 3] [--files 20000] [--sandbox]

An experiment here is two shell processes: an agent that writes a new number into a file, and a run that prints the
metric. `fork+exec` is those two processes and nothing else. Start-up does not count: for Overnight the ledger says when
each verdict fell, for labloop a session of few experiments is taken off a session of many. Rounds are interleaved, and
the smallest figure of each is taken: noise on a machine only ever adds. With `--sandbox`, Overnight is also measured
with its sandbox, which puts both processes into rooms of their own.

labloop comes from PyPI into a virtual environment of its own (benchmarks/out/labloop).
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

OUT = Path(__file__).parent / "out"
AGENT = "echo $$-$(date +%s%N) > knob.txt"
RUN = "echo loss=1"
FEW = 5
GOAL = f"""---
edit: knob.txt
run: {RUN}
metric: loss
budget: 10s
agent: {AGENT}
---
"""


def repository(folder: Path, files: int) -> Path:
    """A committed project of `files` small files in a hundred folders."""
    folder.mkdir(parents=True)
    (folder / "knob.txt").write_text("0\n")
    (folder / "goal.md").write_text(GOAL)
    (folder / ".gitignore").write_text("labloop*\n.labloop*\n")
    for number in range(files):
        place = folder / "many" / str(number % 100)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.txt").write_text(f"{number}\n")
    git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return folder


def timed(command: list[str], folder: Path) -> float:
    """Wall seconds of a command that must succeed."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.perf_counter() - began


def overnight(folder: Path, experiments: int, *, sandboxed: bool = False) -> float:
    """Seconds an experiment: from the first verdict of a new session to its last, by the ledger's clock."""
    run = [sys.executable, "-m", "overnight.cli.main", "run", "--plain", "--new"]
    timed([*run, *(() if sandboxed else ("--no-sandbox",)), "--experiments", str(FEW + experiments)], folder)
    with sqlite3.connect(folder / ".overnight" / "ledger.db") as ledger:
        last = "SELECT session FROM events ORDER BY id DESC LIMIT 1"
        query = f"SELECT time FROM events WHERE kind = 'judged' AND session = ({last}) ORDER BY id"
        verdicts = [time for (time,) in ledger.execute(query)]
    return float(verdicts[-1] - verdicts[FEW]) / experiments


def labloop(program: Path) -> Callable[[Path, int], float]:
    """The same for labloop, without its sandbox."""

    def measure(folder: Path, experiments: int) -> float:
        common = ["--run", RUN, "--metric", "loss", "--budget", "10"]
        for left in folder.glob("labloop.jsonl*"):
            left.unlink()
        timed([str(program), "baseline", *common], folder)

        def trials(count: int) -> float:
            propose = ["--propose", AGENT, "--sandbox", "none", "--give-up-after", "0", "--trials", str(count)]
            return timed([str(program), "run", *common, *propose], folder)

        few = trials(FEW)
        return (trials(FEW + experiments) - few) / experiments

    return measure


def fork_exec(folder: Path, experiments: int) -> float:
    """Only the two processes."""
    began = time.perf_counter()
    for _ in range(experiments):
        for command in (AGENT, RUN):
            subprocess.run(["/bin/sh", "-c", command], cwd=folder, check=True, capture_output=True)
    return (time.perf_counter() - began) / experiments


def install_labloop() -> Path:
    """labloop's program, installed on first use."""
    venv = OUT / "labloop"
    if not (venv / "bin" / "labloop").exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run([str(venv / "bin" / "pip"), "install", "-q", "labloop==1.0.5"], check=True)
    return venv / "bin" / "labloop"


def main() -> None:
    parser = argparse.ArgumentParser(description="What a loop adds to an experiment that does nothing.")
    parser.add_argument("--experiments", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--sandbox", action="store_true")
    wanted = parser.parse_args()
    program = install_labloop()
    work = Path(tempfile.mkdtemp(prefix="overnight-bench-"))
    try:
        small = {name: repository(work / name, 2) for name in ("fork", "overnight", "labloop")}
        large = repository(work / "large", wanted.files)
        entries: dict[str, Callable[[], float]] = {
            "fork+exec": lambda: fork_exec(small["fork"], wanted.experiments),
            "overnight": lambda: overnight(small["overnight"], wanted.experiments),
            f"overnight, {wanted.files:,} files": lambda: overnight(large, wanted.experiments),
            "labloop": lambda: labloop(program)(small["labloop"], wanted.experiments),
        }
        if wanted.sandbox:
            entries["overnight, sandboxed"] = lambda: overnight(small["overnight"], wanted.experiments, sandboxed=True)
            entries[f"sandboxed, {wanted.files:,} files"] = lambda: overnight(large, wanted.experiments, sandboxed=True)
        rounds = [{name: measure() for name, measure in entries.items()} for _ in range(wanted.rounds)]
    finally:
        shutil.rmtree(work, ignore_errors=True)
    best = {name: 1000 * min(figures[name] for figures in rounds) for name in entries}
    bare = best.pop("fork+exec")
    print(f"the two processes alone: {bare:.1f} ms")
    for name, total in best.items():
        added = total - bare
        print(f"{name:<26} {total:7.1f} ms an experiment, {added:7.1f} ms added")
    own = best["overnight"] - bare
    print(f"labloop adds {(best['labloop'] - bare) / own:.1f} times what Overnight adds")
    print(f"in a repository of {wanted.files:,} files Overnight adds "
          f"{(best[f'overnight, {wanted.files:,} files'] - bare) / own:.2f} times as much")  # fmt: skip


if __name__ == "__main__":
    main()
