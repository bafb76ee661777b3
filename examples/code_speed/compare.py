"""Measures how long two versions of templates.py take for the same work, in turns. Frozen.

    python compare.py               the pages in pages/; this is the number that decides
    python compare.py --held-out    the pages in held_out/; `overnight verify` runs this

Both versions must give what the first one gives, to the letter: the version that lies beside this file. None of them is
imported here. Each runs in a process of its own that knows nothing but a version's source and the work, and that is
stopped while it is the other's turn. What counts is the processor time from the first byte of the templates to the last
of the answers, as the kernel tells it to this process.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import worker
import workload

HERE = Path(__file__).parent
WORKER = (HERE / "worker.py").read_text(encoding="utf-8")
ROUNDS = 4
"""Each has fresh processes and fresh work: where a process happens to lie in memory makes it faster or slower."""
AT_ONCE = 6
"""Requests in one turn, a few milliseconds: whatever slows the machine down then slows both."""
LONGEST_ANSWER = 100_000_000
COUNTS_PROCESSOR_TIME = sys.platform == "linux" and os.uname().machine in worker.CALLS
"""Elsewhere a version could have its work done by other processes, so that there the time of day counts."""


def refusal(reason: str) -> SystemExit:
    return SystemExit(f"compare.py: {reason}")


def hide() -> None:
    """Let no other process look into this one, where the seed is, or write to it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE


def read_version(folder: Path) -> str:
    path = folder / "templates.py"
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise refusal(f"{path} cannot be read: {error}") from None


class Work:
    """Requests as they are sent: every template once, then a few requests at a time."""

    def __init__(self, requests: list[workload.Request]) -> None:
        self.requests = requests
        templates = list(dict.fromkeys(template for template, _, _ in requests))
        parts: list[dict[str, str]] = []
        numbered: list[Any] = []
        for template, data, own in requests:
            if own not in parts:
                parts.append(own)
            numbered.append([templates.index(template), data, parts.index(own)])
        turns = [numbered[at : at + AT_ONCE] for at in range(0, len(numbered), AT_ONCE)]
        self.messages = [{"templates": templates, "parts": parts}, *turns]


class Process:
    """A version that runs by itself; it stands still unless it is asked."""

    def __init__(self, who: str, source: str, hash_seed: int) -> None:
        self.who = who
        self.seconds = 0.0
        self.answers: list[Any] = []
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={"PYTHONHASHSEED": str(hash_seed), "PYTHONUTF8": "1"},
        )
        said = self._ask(source)
        if said != "ready":
            raise refusal(f"{who} cannot be loaded: {str(said)[:300]}")
        self._stand_still()

    def take_turn(self, message: Any) -> None:
        """Let it do a part of the work, and note the time that it takes."""
        start = self._clock()
        self._process.send_signal(signal.SIGCONT)
        answer = self._ask(message)
        self._stand_still()
        self.seconds += self._clock() - start
        if not isinstance(answer, list):
            raise refusal(f"{self.who} garbled its answer")
        self.answers += answer

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _ask(self, message: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline(LONGEST_ANSWER))
        except (OSError, ValueError, RecursionError):
            raise refusal(f"{self.who} ended, ran for too long or garbled its answer") from None

    def _stand_still(self) -> None:
        self._process.send_signal(signal.SIGSTOP)
        _, status = os.waitpid(self._process.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            raise refusal(f"{self.who} ended before its time")

    def _clock(self) -> float:
        """The processor time that it has had, in seconds."""
        if not COUNTS_PROCESSOR_TIME:
            return time.perf_counter()
        return time.clock_gettime((~self._process.pid << 3) | 2)  # its clock, as clock_getcpuclockid() names it


def in_turns(versions: dict[str, str], work: Work, hash_seed: int) -> list[Process]:
    """Have every version do all of the work, the first one first in every second turn."""
    processes: list[Process] = []
    try:
        for who, source in versions.items():
            processes.append(Process(who, source, hash_seed))
        for number, message in enumerate(work.messages):
            for process in processes[:: 1 if number % 2 else -1]:
                process.take_turn(message)
    finally:
        for process in processes:
            process.end()
    for process in processes[1:]:
        must_agree(work.requests, processes[0], process)
    return processes


def must_agree(requests: list[workload.Request], first: Process, second: Process) -> None:
    """Refuse a version whose answers differ, and say where."""
    if first.answers == second.answers:
        return
    for (template, _, _), old, new in zip(requests, first.answers, second.answers, strict=False):
        if old != new:
            gives = f"{first.who} gives {_shown(old, new)}, {second.who} {_shown(new, old)}"
            raise refusal(f"for the template {template[:300]!r} {gives}")
    raise refusal(f"{second.who} gave {len(second.answers)} answers of {len(first.answers)}")


def _shown(this: Any, other: Any) -> str:
    """An answer from a little before the place where it differs from another."""
    this, other = str(this), str(other)
    at = next((n for n, (a, b) in enumerate(zip(this, other, strict=False)) if a != b), min(len(this), len(other)))
    return ("…" if at > 30 else "") + this[max(0, at - 30) : at + 60]


def main() -> None:
    parser = argparse.ArgumentParser(description="Milliseconds of processor time for a page; lower is better.")
    parser.add_argument("--held-out", action="store_true", help="pages that no experiment is measured by")
    folder = HERE / ("held_out" if parser.parse_args().held_out else "pages")
    hide()
    versions: dict[str, str] = {}
    for side in ("incumbent", "candidate"):
        if f"OVERNIGHT_{side.upper()}" not in os.environ:
            raise refusal(f"OVERNIGHT_{side.upper()} must name a folder with a templates.py in it")
        versions[f"the {side}"] = read_version(Path(os.environ[f"OVERNIGHT_{side.upper()}"]))
    random = Random(os.environ.get("OVERNIGHT_SEED", "0"))
    in_turns({"the first version": read_version(HERE), **versions}, Work(workload.odd(random)), random.randrange(2**32))
    seconds = dict.fromkeys(versions, 0.0)
    rendered = 0
    for _ in range(ROUNDS):
        work = Work(workload.pages(random, folder))
        rendered += len(work.requests)
        for process in in_turns(versions, work, random.randrange(2**32)):
            seconds[process.who] += process.seconds
    for who, taken in seconds.items():
        print(f"{who.removeprefix('the ')}.render_ms: {1000 * taken / rendered:.5f}")


if __name__ == "__main__":
    main()
