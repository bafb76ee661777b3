"""A very long session: are memory and seconds an experiment flat, how much does it leave, and how fast is it read?

    python benchmarks/soak.py [--experiments 20000] [--ledger 100000]

The experiments do nothing (an agent that writes its number, a run of `awk`), and one in 33 is better. Memory is the
loop's resident memory, read from the kernel at each tenth of the way; seconds an experiment are between verdicts, by
the ledger's monotonic clock, of the long session and of a fresh one in turns, because a machine is not equally fast
all the time. `status`, `log` and `report` are whole processes, the fastest of five. Then a ledger of
--ledger experiments is made without running any, and read and gone on with.
"""

from __future__ import annotations

import argparse
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import psutil
from overhead import repository

from overnight.ledger.records import Judged, Measured, Proposed, Record
from overnight.ledger.store import Ledger

OVERNIGHT = [sys.executable, "-m", "overnight.cli.main"]
GOAL = """---
edit: knob.txt
run: awk '{print "loss=" 1000 - int($1 / 33)}' knob.txt
metric: loss
budget: 10s
agent: sed -n "s/^# Experiment //p" | head -1 > knob.txt
---
"""
BATCH = 1000
TURN, TURNS = 200, 5


def main() -> None:
    parser = argparse.ArgumentParser(description="A very long session, and reading a very large ledger.")
    parser.add_argument("--experiments", type=int, default=20_000)
    parser.add_argument("--ledger", type=int, default=100_000, help="Experiments in the ledger that is only made.")
    wanted = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="overnight-bench-"))
    try:
        folder = project(work / "project")
        run(folder, wanted.experiments, watched=True)
        say_pace(folder, wanted.experiments, project(work / "fresh"))
        say_size(folder, wanted.experiments + TURNS * TURN)
        say_reading(folder)
        lengthen(folder, wanted.ledger)
        print(f"a ledger of {wanted.ledger:,} experiments, {megabytes(folder / '.overnight' / 'ledger.db'):.0f} MiB:")
        say_reading(folder)
        began = time.perf_counter()
        run(folder, wanted.ledger + 5, watched=False)
        print(f"going on with it for five experiments  {time.perf_counter() - began:.2f} s")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def project(folder: Path) -> Path:
    """A committed project of three files."""
    repository(folder, 0)
    (folder / "goal.md").write_text(GOAL)
    subprocess.run(
        ["git", "-c", "user.name=b", "-c", "user.email=b@localhost", "commit", "-qam", "goal"], cwd=folder, check=True
    )
    return folder


def run(folder: Path, experiments: int, *, watched: bool) -> None:
    """Make the session have so many experiments."""
    command = [*OVERNIGHT, "run", "--plain", "--no-sandbox", "--experiments", str(experiments)]
    out = folder.parent / "out.txt"
    with out.open("w") as file, subprocess.Popen(command, cwd=folder, stdout=file, stderr=file) as loop:
        if watched:
            watch(loop, folder, experiments)
    if loop.returncode != 0:
        sys.exit(out.read_text()[-2000:])


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


def say_pace(folder: Path, experiments: int, fresh: Path) -> None:
    """Seconds an experiment of the long session and of a fresh one, some hundred of each in turns."""
    long_steps: list[float] = []
    fresh_steps: list[float] = []
    for turn in range(1, TURNS + 1):
        for place, before, steps in ((folder, experiments, long_steps), (fresh, 0, fresh_steps)):
            run(place, before + turn * TURN, watched=False)
            steps.extend(last_steps(place))
    after, first = statistics.median(long_steps), statistics.median(fresh_steps)
    print(
        f"an experiment takes {1000 * first:.1f} ms among the first {TURNS * TURN:,}, {1000 * after:.1f} ms after "
        f"{experiments:,}: {after / first:.2f} times as long",
        flush=True,
    )


def last_steps(folder: Path) -> list[float]:
    """Seconds from verdict to verdict in the last turn."""
    with sqlite3.connect(folder / ".overnight" / "ledger.db") as ledger:
        sql = f"SELECT clock FROM events WHERE kind = 'judged' ORDER BY id DESC LIMIT {TURN}"
        clocks = [clock for (clock,) in ledger.execute(sql)]
    return [later - earlier for later, earlier in pairwise(clocks)]


def say_size(folder: Path, experiments: int) -> None:
    """What the session has left, in KiB an experiment."""
    parts = {
        "ledger": megabytes(folder / ".overnight" / "ledger.db"),
        "outputs": disk_mb(folder / ".overnight" / "sessions"),
        "git": disk_mb(folder / ".git"),
    }
    began = time.perf_counter()
    subprocess.run(["git", "gc", "--quiet"], cwd=folder, check=True)
    parts[f"git after a `git gc` of {time.perf_counter() - began:.0f} s"] = disk_mb(folder / ".git")
    for name, size in parts.items():
        print(f"{name}: {1024 * size / experiments:.2f} KiB an experiment")


def disk_mb(folder: Path) -> float:
    """MiB that a folder takes on the disk."""
    return sum(path.lstat().st_blocks for path in folder.rglob("*")) * 512 / 2**20


def megabytes(file: Path) -> float:
    """MiB in a file."""
    return file.stat().st_size / 2**20


def say_reading(folder: Path) -> None:
    """Whole commands, the fastest of five."""
    for reading in (["status"], ["log"], ["log", "--last", "20"], ["report"], ["doctor", "--look"]):
        seconds = min(timed(reading, folder) for _ in range(5 if reading != ["doctor", "--look"] else 1))
        print(f"overnight {' '.join(reading):<14} {seconds:.2f} s", flush=True)


def timed(arguments: list[str], folder: Path) -> float:
    """Wall seconds of a whole command."""
    began = time.perf_counter()
    subprocess.run([*OVERNIGHT, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def lengthen(folder: Path, experiments: int) -> None:
    """Write so many experiments into the ledger as if they had been run: each a discarded copy of the last one."""
    path = folder / ".overnight" / "ledger.db"
    with sqlite3.connect(path) as reader:
        session = reader.execute("SELECT session FROM events LIMIT 1").fetchone()[0]
        latest = {
            kind: reader.execute(
                "SELECT payload FROM events WHERE kind = ? ORDER BY id DESC LIMIT 1", (kind,)
            ).fetchone()[0]
            for kind in ("proposed", "measured", "judged")
        }
    reader.close()
    proposed, measured = (
        Proposed.model_validate_json(latest["proposed"]),
        Measured.model_validate_json(latest["measured"]),
    )
    judged = Judged.model_validate_json(latest["judged"])
    ledger = Ledger.open(path)
    numbers = range(judged.number + 1, experiments + 1)
    for start in range(0, len(numbers), BATCH):
        records: list[Record] = []
        for number in numbers[start : start + BATCH]:
            records += [
                # Nothing was stored in git for them: to `doctor` they are proposals that came to nothing.
                proposed.model_copy(update={"number": number, "commit": None, "fingerprint": None}),
                measured.model_copy(update={"number": number}),
                judged.model_copy(update={"number": number, "verdict": "discard"}),
            ]
        ledger.append(session, *records)
    ledger.close()


if __name__ == "__main__":
    main()
