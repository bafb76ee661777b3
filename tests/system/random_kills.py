"""Sessions killed at random moments, start-up included: the loop itself, or something that it has started."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator

import psutil

from overnight.runs.sandbox import find_sandbox
from tests.system.faults import PATIENCE_SECONDS
from tests.system.trials import Torture, Trial
from tests.system.whole_night import EXPERIMENTS, Night, Violation, exit_violations

_CHILDREN = 0.3
"""The share of kills that meet a child of the loop."""
_SANDBOXED_EVERY = 4
_KINDS_OF_CHILD = {
    "agent.sh": "agent",
    "score.py": "scorer",
    "solve.py": "run",
    "read-tree": "git read-tree",
    "checkout-index": "git checkout-index",
}


def random_kills(torture: Torture, kills: int, duration: float | None = None) -> None:
    """One session after another, each killed at random moments until it comes to its end.

    `duration` is how long a whole session takes, found out unless it is given.
    """
    chance = random.Random(torture.seed)
    has_sandbox = find_sandbox() is not None
    duration = duration or _duration(torture)
    done = index = 0
    while done < kills:
        index += 1
        sandboxed = has_sandbox and index % _SANDBOXED_EVERY == 0
        night = Night.make(torture.place(), sandboxed=sandboxed, slow=True)
        before = night.snapshot()
        killed, found = _tormented(night, chance, duration, kills - done)
        done += len(killed)
        found += night.violations(before)
        what = f"session {index} of seed {torture.seed}{', sandboxed' if sandboxed else ''}: {'; '.join(killed)}"
        torture.take_note(Trial("random", what, found, kills=len(killed)), night)


def _duration(torture: Torture) -> float:
    """How long a whole undisturbed session takes."""
    night = Night.make(torture.place(), slow=True)
    before = night.snapshot()
    began = time.monotonic()
    with _started(night) as process:
        found = _exit_of(night, process)
    took = time.monotonic() - began
    torture.take_note(Trial("undisturbed", "a whole session", found + night.violations(before), kills=0), night)
    return took


def _tormented(night: Night, chance: random.Random, duration: float, most: int) -> tuple[list[str], list[Violation]]:
    """Run one session to its end with at most `most` kills. Returns these in words, and what was wrong meanwhile."""
    killed: list[str] = []
    found: list[Violation] = []
    for _ in range(most + EXPERIMENTS):
        with _started(night) as process:
            while len(killed) < most and process.poll() is None:
                victim = _kill_something(process, chance, duration)
                killed += [victim] if victim is not None else []
            if process.poll() == -signal.SIGKILL:
                continue
            found += _exit_of(night, process)
            if process.returncode == 0:
                return killed, found
    return killed, [*found, Violation("does not go on", f"not finished after {most + EXPERIMENTS} starts")]


def _kill_something(process: subprocess.Popen[bytes], chance: random.Random, duration: float) -> str | None:
    """Wait for a random time, then kill the loop or a child of it. Returns who it was; None if the loop had ended."""
    began = time.monotonic()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(chance.uniform(0, duration))
        return None
    at = f"at {time.monotonic() - began:.3f} s"
    if chance.random() < _CHILDREN:
        name = _kill_child(process, chance)
        return None if name is None else f"child `{name}` {at}"
    process.kill()
    process.wait()
    return f"loop {at}"


def _kill_child(process: subprocess.Popen[bytes], chance: random.Random) -> str | None:
    """Kill a process that the loop has started, now or next. Returns which; None if the loop ended before."""
    while process.poll() is None:
        with contextlib.suppress(psutil.Error):
            children = {child: " ".join(child.cmdline()) for child in psutil.Process(process.pid).children()}
            # Between fork and exec a child is the loop's own double still; one that has ended has no command line.
            victims = [child for child, command in children.items() if command and "overnight.cli" not in command]
            if victims:
                victim = chance.choice(victims)
                victim.kill()
                command = children[victim]
                return _KINDS_OF_CHILD.get(next((w for w in _KINDS_OF_CHILD if w in command), ""), command[:80])
        time.sleep(0.002)
    return None


@contextlib.contextmanager
def _started(night: Night) -> Iterator[subprocess.Popen[bytes]]:
    """The real command line, start-up included."""
    with (night.said / "output").open("wb") as output, (night.said / "errors").open("wb") as errors:
        process = subprocess.Popen(
            night.program, cwd=night.folder, env={**os.environ, **night.env}, stdout=output, stderr=errors
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _exit_of(night: Night, process: subprocess.Popen[bytes]) -> list[Violation]:
    """Wait for the end of a process that nobody kills any more. Returns what was wrong with it."""
    try:
        code: int | None = process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        code = None
    output, errors = ((night.said / name).read_text(errors="replace") for name in ("output", "errors"))
    return exit_violations(code, output + errors, errors)
