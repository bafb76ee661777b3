"""A session of 10,000 experiments that do nothing: does memory grow, and how fast are `status` and `log` after it?

    python benchmarks/long_night.py [--experiments 10000]

The resident memory of the loop's process is read from the kernel at each tenth of the way. `status` and `log` are
whole processes, the fastest of five.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from overhead import repository

OVERNIGHT = [sys.executable, "-m", "overnight.cli.main"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory over a long night, and reading its ledger.")
    parser.add_argument("--experiments", type=int, default=10_000)
    wanted = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="overnight-bench-"))
    try:
        folder = repository(work / "project", 2)
        command = [*OVERNIGHT, "run", "--plain", "--experiments", str(wanted.experiments)]
        began = time.perf_counter()
        with (work / "out.txt").open("w") as out, subprocess.Popen(command, cwd=folder, stdout=out, stderr=out) as loop:
            watch(loop, folder, wanted.experiments)
        if loop.returncode != 0:
            sys.exit((work / "out.txt").read_text()[-2000:])
        took = time.perf_counter() - began
        print(f"{wanted.experiments:,} experiments in {took:.0f} s, {1000 * took / wanted.experiments:.1f} ms each")
        for reading in (["status"], ["log"], ["log", "--json"]):
            print(f"overnight {' '.join(reading):<10} {min(timed(reading, folder) for _ in range(5)):.2f} s")
        size = (folder / ".overnight" / "ledger.db").stat().st_size
        print(f"ledger {size / 2**20:.1f} MiB")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def watch(loop: subprocess.Popen[bytes], folder: Path, experiments: int) -> None:
    """Print the loop's memory at each tenth of the way."""
    process = psutil.Process(loop.pid)
    marks = [experiments * tenth // 10 for tenth in range(1, 11)]
    while loop.poll() is None and marks:
        time.sleep(0.2)
        try:
            done = experiments_in(folder)
            memory = process.memory_info().rss / 2**20
        except (psutil.Error, sqlite3.Error):
            continue
        # The last mark is taken a little before the end, while the process is still there to be looked at.
        while marks and done >= marks[0] - (experiments // 500 if len(marks) == 1 else 0):
            print(f"after {done:>6,} experiments: {memory:.0f} MiB resident", flush=True)
            marks.pop(0)
    loop.wait()


def experiments_in(folder: Path) -> int:
    """How many verdicts the ledger holds."""
    with sqlite3.connect(f"file:{folder / '.overnight' / 'ledger.db'}?mode=ro", uri=True) as ledger:
        return int(ledger.execute("SELECT max(number) FROM events WHERE kind = 'judged'").fetchone()[0] or 0)


def timed(arguments: list[str], folder: Path) -> float:
    """Wall seconds of a whole command."""
    began = time.perf_counter()
    subprocess.run([*OVERNIGHT, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
