"""Kill it anywhere: nothing is lost, and nothing left behind. `python -m tests.system.torture` tries to show otherwise.

Four parts: kills at random moments, a kill at every system call that changes something, the errors that a system call
may give instead, and a `git` that fails. After each the session is taken up again and must end as if nothing had been.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.system.faults import (
    KILL,
    PATIENCE_SECONDS,
    CannotTraceError,
    Ended,
    Point,
    concerns,
    inject,
    points_in,
    record,
    run_to_the_end,
    sample,
)
from tests.system.random_kills import random_kills
from tests.system.trials import Torture, Trial, summary, take_up
from tests.system.whole_night import EXPERIMENTS, Night, Violation, exit_violations

FIRST, LATER = "first", "later"
"""The phases that faults are put into: a session's beginning; and being taken up, a discarded experiment, the end."""
_DONE_BEFORE = 9
_FULL_DISK_SECONDS = 5.0


def all_points(torture: Torture) -> tuple[dict[str, Night], list[Point]]:
    """A night ready for each phase, and every point in it. Raises CannotTraceError."""
    nights = {FIRST: Night.make(torture.place()), LATER: Night.make(torture.place())}
    later = nights[LATER]
    ended = run_to_the_end(later.folder, [*later.arguments, "--experiments", str(_DONE_BEFORE)], later.env, later.said)
    assert ended.exit_code == 0, ended.said
    points = []
    for phase, night in nights.items():
        copy = night.copy(torture.place())
        lines = record(copy.folder, copy.arguments, copy.env, copy.said)
        points += points_in(lines, copy.folder, phase, _wanted(lines, phase))
        shutil.rmtree(copy.folder.parent)
    return nights, points


def _wanted(lines: Sequence[str], phase: str) -> list[range]:
    """The parts of a recorded run that are worth a fault: what is between them is the same once more."""

    def mention(words: str) -> list[int]:
        return [index for index, line in enumerate(lines) if words in line]

    if phase == FIRST:
        return [range(mention("/2.agent.log")[0])]
    end = mention(f"/{EXPERIMENTS}-candidate-")[-1]
    return [range(mention(f"/{_DONE_BEFORE + 2}.agent.log")[0]), range(end, len(lines))]


def at_points(torture: Torture, nights: dict[str, Night], points: Iterable[Point]) -> None:
    """At each point a fault, then the session taken up again."""
    for point in points:
        night = nights[point.phase].copy(torture.place())
        before = night.snapshot()
        is_lasting = point.fault.endswith("+")
        patience = _FULL_DISK_SECONDS if is_lasting else PATIENCE_SECONDS
        ended, call = inject(point, night.folder, night.arguments, night.env, night.said, patience)
        found = _fault_violations(point, ended)
        found += take_up(night)
        found += night.violations(before)
        part = {KILL: "every step"}.get(point.fault, point.fault)
        what = f"--point {point} at {_short(call or point.text, night.folder)}"
        torture.take_note(Trial(part, what, found, met=call is not None and concerns(call, night.folder)), night)


def _fault_violations(point: Point, ended: Ended) -> list[Violation]:
    """What is wrong with how the process ended that had the fault."""
    if point.fault == KILL:
        return [] if ended.exit_code in (-signal.SIGKILL, 0) else exit_violations(ended.exit_code, ended.said, "one")
    if point.fault.endswith("+") and (ended.exit_code is None or (point.syscall == "write" and not ended.errors)):
        return []  # It was ended by us, or had nowhere to write a sentence to.
    return exit_violations(ended.exit_code, ended.said, ended.errors)


def _short(call: str, folder: Path) -> str:
    """A call as strace shows it, without what is the same everywhere."""
    without_data = re.sub(r', "([^"\\]|\\.)*"(\.\.\.)?, (\d)', r", …, \3", call)
    return without_data.replace(f"{folder}/", "").replace(str(folder), ".")[:200]


# A git that fails.


def failing_git(torture: Torture, first: int = 1, last: int | None = None) -> None:
    """For each time that a session calls `git`: let it fail there, then take the session up again."""
    n = first
    while last is None or n <= last:
        night = Night.make(torture.place())
        before = night.snapshot()
        count = _wrap_git(night, n)
        path = f"{count.parent}:{os.environ['PATH']}"
        ended = run_to_the_end(night.folder, night.arguments, {**night.env, "PATH": path}, night.said)
        met = int(count.read_text()) >= n
        found = exit_violations(ended.exit_code, ended.said, ended.errors)
        found += [*take_up(night), *night.violations(before)]
        torture.take_note(Trial("git", f"fails at its call {n}", found, met=met), night)
        if not met:
            return
        n += 1


def _wrap_git(night: Night, n: int) -> Path:
    """Put a `git` into a folder of its own that fails at its n-th call. Returns the file in which it counts."""
    count = night.folder.parent / "bin" / "count"
    count.parent.mkdir()
    count.write_text("0")
    wrapper = count.with_name("git")
    wrapper.write_text(
        f"#!/bin/sh\nn=$(($(cat {count}) + 1))\necho $n > {count}\n"
        f'if [ $n -eq {n} ]; then echo "fatal: unable to read this tree" >&2; exit 128; fi\n'
        f'exec {shutil.which("git")} "$@"\n'
    )
    wrapper.chmod(0o755)
    return count


def main() -> int:
    """Try everything that was asked for. Returns the exit code: 1 when anything was wrong."""
    options = _options().parse_args()
    wants_all = not (options.kills or options.every_step or options.errors or options.git or options.point)
    os.environ["PYTHONHASHSEED"] = "0"  # So that a point has the same number each time, as far as that is possible.
    folder = Path(tempfile.mkdtemp(prefix="torture-")).resolve()
    torture = Torture(folder, options.seed, say=lambda words: print(words, flush=True))
    try:
        _traced_parts(torture, options, wants_all=wants_all)
    except CannotTraceError as error:
        print(error, file=sys.stderr)
        return 2
    if options.git or wants_all:
        failing_git(torture)
    if options.kills or wants_all:
        random_kills(torture, options.kills or 300)
    torture.look_again()
    print(summary(torture.trials))
    if any(trial.violations for trial in torture.trials):
        print(f"what failed is in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def _traced_parts(torture: Torture, options: argparse.Namespace, *, wants_all: bool) -> None:
    if not (options.every_step or options.errors or options.point or wants_all):
        return
    nights, points = all_points(torture)
    kills = [point for point in points if point.fault == KILL]
    errors = [point for point in points if point.fault != KILL]
    print(f"{len(kills)} points to kill at, {len(errors)} to fail at", flush=True)
    if options.point:
        chosen = [point for point in points if str(point) in options.point]
        print(f"{len(options.point) - len(chosen)} of the points named are not among them", flush=True)
        at_points(torture, nights, chosen)
    if options.every_step or wants_all:
        at_points(torture, nights, sample(kills, options.limit, torture.seed))
    if options.errors or wants_all:
        at_points(torture, nights, sample(errors, options.limit, torture.seed))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.system.torture", description=__doc__)
    parser.add_argument("--kills", type=int, metavar="N", help="kill at random moments, N times (300 unless given)")
    parser.add_argument("--every-step", action="store_true", help="kill at every system call that changes something")
    parser.add_argument("--errors", action="store_true", help="let every system call fail that may")
    parser.add_argument("--git", action="store_true", help="let every call of git fail")
    parser.add_argument("--point", action="append", metavar="POINT", help="only this one, as a report names it")
    parser.add_argument("--seed", type=int, default=0, help="decides all that is left to chance")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N kills and N errors at system calls")
    return parser


if __name__ == "__main__":
    sys.exit(main())
