"""A night whose outcome is known to the last digit, and all that must be true once it is over, whatever happened."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

import overnight
from tests.system.conftest import AGENT, GOAL, OVERNIGHT, SOLVE, Project

EXPERIMENTS = 12
VERDICTS = ["baseline", *["keep"] * 9, *["discard"] * 3]
METRICS = [abs(27 - 3 * number) for number in range(EXPERIMENTS + 1)]
FINE_EXITS = (0, 2)
STALE_SECONDS = 11.0
"""What a kill left of a git object is removed by a later run once it is older than ten seconds."""
_GRACE_SECONDS = 5.0

# Guests that take a while, so that kills meet them; that leave a process behind; and a scorer.
_SLOW_SOLVE = """KNOB = 10
import os, subprocess, time
subprocess.Popen(["sleep", "300"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
time.sleep(0.03)
open(os.environ["OVERNIGHT_ARTIFACTS"] + "/knob", "w").write(str(KNOB))
print("steps: 1")
"""
_SLOW_SCORE = """import os, time
time.sleep(0.03)
print("loss:", abs(int(open(os.environ["OVERNIGHT_ARTIFACTS"] + "/knob").read()) - 37))
"""
_HOOKS = ("post-checkout", "post-commit", "post-index-change", "pre-commit", "reference-transaction", "update")
_HOOK_RAN = ".git/a-hook-has-run"
_HOOK = '#!/bin/sh\necho "$0" >> "$(dirname "$0")/../a-hook-has-run"\n'


@dataclass(frozen=True)
class Violation:
    """Something that must not be."""

    kind: str
    detail: str


@dataclass(frozen=True)
class Night(Project):
    """A project with everything in it that a user may hold dear, and a night to be spent on it."""

    sandboxed: bool = False

    @property
    def arguments(self) -> list[str]:
        """What the command line is given."""
        return ["run", "--plain", *(() if self.sandboxed else ("--no-sandbox",))]

    @property
    def tmp(self) -> Path:
        """Where the product may make temporary files, and must leave none."""
        return self.folder.parent / "tmp"

    @property
    def said(self) -> Path:
        """Where the harness writes what the product prints."""
        return self.folder.parent / "said"

    @property
    def env(self) -> dict[str, str]:
        """What the product's environment is to hold."""
        # The product that this process has loaded, and not another one that is installed.
        return {"TMPDIR": str(self.tmp), "PYTHONPATH": str(Path(overnight.__file__).parent.parent)}

    @property
    def program(self) -> list[str]:
        """The real command line."""
        return [*OVERNIGHT, *self.arguments]

    @classmethod
    def make(cls, base: Path, *, sandboxed: bool = False, slow: bool = False) -> Night:
        """A new one in the folder `base`, which is made."""
        night = cls(base / "project", sandboxed)
        for folder in (night.folder, night.tmp, night.said):
            folder.mkdir(parents=True)
        goal = GOAL.replace("PYTHON", sys.executable)
        night.write("solve.py", _SLOW_SOLVE if slow else SOLVE)
        night.write("agent.sh", AGENT + "sleep 0.03\n" * slow)
        night.write("goal.md", goal.replace("metric:", f"score: {sys.executable} score.py\nmetric:") if slow else goal)
        night.write("score.py", _SLOW_SCORE)
        night.write("readme.txt", "the user's\n")
        night.git("init", "-q", "-b", "main")
        night.commit("start")
        night._hold_dear()
        return night

    def copy(self, base: Path) -> Night:
        """The same in another folder."""
        shutil.copytree(self.folder.parent, base, symlinks=True)
        return Night(base / "project", self.sandboxed)

    def _hold_dear(self) -> None:
        """Put into the repository what must not change."""
        self.git("branch", "other")
        self.git("tag", "v1")
        self.write("readme.txt", "stashed\n")
        self.git("stash")
        self.git("worktree", "add", "-q", "../linked", "other")
        self.write("staged.txt", "staged")
        self.git("add", "staged.txt")
        self.write("readme.txt", "changed and not staged\n")
        self.write("untracked.txt", "untracked")
        for name in _HOOKS:
            self.write(f".git/hooks/{name}", _HOOK)
            (self.folder / ".git" / "hooks" / name).chmod(0o755)

    def snapshot(self) -> dict[str, bytes]:
        """Everything of the user's, byte for byte: the checkout and git's own files, but for what the product adds."""
        files = (path for path in sorted(self.folder.rglob("*")) if path.is_symlink() or not path.is_dir())
        named = ((path.relative_to(self.folder).as_posix(), path) for path in files)
        linked = ((f"../linked/{path.name}", path) for path in sorted((self.folder.parent / "linked").glob("*")))
        users = [(name, path) for name, path in (*named, *linked) if not _is_the_products(name)]
        return {name: f"{path.lstat().st_mode:o} ".encode() + path.read_bytes() for name, path in users}

    def violations(self, before: dict[str, bytes]) -> list[Violation]:
        """What is not as it must be after the night, given the snapshot from before it."""
        found = [*_in_ledger(self), *_left_over(self), *_of_the_user(before, self.snapshot())]
        return [*found, *(Violation("orphan", who) for who in self.end_orphans())]

    def stale_objects(self) -> list[str]:
        """What kills have left of git objects."""
        return [path.name for path in (self.folder / ".git" / "objects").rglob("tmp_*")]

    def end_orphans(self) -> list[str]:
        """Processes that still have to do with this project after a while. They are named, and ended."""
        patience = time.monotonic() + _GRACE_SECONDS
        while (found := list(_processes_of(self.folder))) and time.monotonic() < patience:
            time.sleep(0.1)
        names = []
        for process in found:
            with contextlib.suppress(psutil.Error):
                names.append(" ".join(process.cmdline())[:120])
                process.kill()
        return names


def exit_violations(code: int | None, said: str, errors: str) -> list[Violation]:
    """What is wrong with how a process of the product ended, which nobody killed."""
    found = []
    if "Traceback" in said:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        ours = [line for line in lines if line.startswith("File") and "/overnight/" in line]
        places = " < ".join(line.split("/overnight/")[-1] for line in reversed(ours[-3:]))
        found.append(Violation("traceback", f"{lines[-1][:160]} in {places}"))
    if code is None:
        found.append(Violation("hangs", said[-200:]))
    elif code not in FINE_EXITS:
        found.append(Violation("exit code", f"{code}: {said[-200:].strip()!r}"))
    elif code == 2 and not 1 <= len(errors.strip().splitlines()) <= 2:
        found.append(Violation("no plain sentence", repr(errors[-300:])))
    return found


def _is_the_products(name: str) -> bool:
    """Whether the product may write this file."""
    own = (".overnight/", ".git/objects/", ".git/refs/overnight/", ".git/refs/heads/overnight/")
    return name.startswith((*own, ".git/logs/refs/heads/overnight/", ".git/logs/refs/overnight/"))


def _in_ledger(night: Night) -> Iterator[Violation]:
    """Whether the ledger tells of the whole night, once, and git agrees with it."""
    try:
        with contextlib.closing(sqlite3.connect(night.folder / ".overnight" / "ledger.db")) as connection:
            rows = connection.execute(
                "SELECT session, kind, number, verdict, payload ->> 'metric', payload ->> 'commit', "
                "payload ->> 'reason', payload ->> 'role' FROM events ORDER BY id"
            ).fetchall()
    except sqlite3.Error as error:
        yield Violation("ledger", str(error))
        return
    sessions = {row[0] for row in rows}
    if len(sessions) != 1:
        yield Violation("sessions", f"{len(sessions)} sessions where one was begun")
        return
    yield from _verdicts(rows)
    yield from _refs(night, sessions.pop(), rows)


def _verdicts(rows: list[tuple[Any, ...]]) -> Iterator[Violation]:
    judged = Counter(row[2] for row in rows if row[1] == "judged")
    proposed = Counter(row[2] for row in rows if row[1] == "proposed")
    measured = Counter(row[2] for row in rows if row[1] == "measured" and row[7] == "candidate")
    numbers = range(EXPERIMENTS + 1)
    if lost := [number for number in numbers if not judged[number]]:
        yield Violation("verdict lost", f"of experiments {', '.join(map(str, lost))}")
    for what, counts in (("judged", judged), ("proposed", proposed), ("measured", measured)):
        for number in numbers:
            if counts[number] > 1:
                yield Violation("twice", f"experiment {number} was {what} {counts[number]} times")
    if extra := sorted({*judged, *proposed} - set(range(EXPERIMENTS + 1))):
        yield Violation("too many experiments", str(extra))
    for _, kind, number, verdict, metric, _, reason, _ in rows:
        if kind == "judged" and 0 <= number <= EXPERIMENTS:
            expected = VERDICTS[number], METRICS[number]
            if (verdict, metric) != expected:
                detail = f"experiment {number}: {verdict} {metric} ({reason}) instead of {expected}"
                yield Violation("wrong verdict", detail)


def _refs(night: Night, session: str, rows: list[tuple[Any, ...]]) -> Iterator[Violation]:
    prefixes = (f"refs/overnight/{session}/", f"refs/heads/overnight/{session}")
    lines = night.git("for-each-ref", "--format=%(refname) %(objectname)", *prefixes).splitlines()
    refs = dict(line.split() for line in lines)
    tip = refs.get(prefixes[1])
    keeps = [row[5] for row in rows if row[1] == "judged" and row[3] == "keep"]
    if keeps and tip != keeps[-1]:
        yield Violation("branch", f"its tip is {tip}, the last keep {keeps[-1]}")
    for _, kind, number, _, _, commit, _, _ in rows:
        if kind == "proposed" and refs.get(f"{prefixes[0]}{number}") != commit:
            yield Violation("ref", f"{prefixes[0]}{number} is {refs.get(f'{prefixes[0]}{number}')} instead of {commit}")
    sound = subprocess.run(
        ["git", "fsck", "--full", "--no-dangling", "--no-progress"],
        cwd=night.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if sound.returncode != 0:
        yield Violation("repository", sound.stderr.strip()[-300:] or sound.stdout[-300:])
    elif tip is not None and "KNOB = 37" not in night.git("show", f"{tip}:solve.py"):
        yield Violation("branch", "it does not hold the best version")


def _left_over(night: Night) -> Iterator[Violation]:
    if (night.folder / ".overnight" / "work").exists():
        yield Violation("left over", ".overnight/work")
    for lock in (night.folder / ".git").rglob("*.lock"):
        yield Violation("left over", str(lock.relative_to(night.folder)))
    for path in night.tmp.iterdir():
        yield Violation("left over", f"{path.name} in the folder for temporary files")


def _of_the_user(before: dict[str, bytes], after: dict[str, bytes]) -> Iterator[Violation]:
    changed = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    for name in changed:
        if name == _HOOK_RAN:
            yield Violation(
                "hook", f"a hook of the user's was run: {after.get(name, b'').decode().split('/')[-1].strip()}"
            )
            continue
        how = "made" if name not in before else "removed" if name not in after else "changed"
        yield Violation("user's file", f"{name} was {how}")


def _processes_of(folder: Path) -> Iterator[psutil.Process]:
    """Processes whose command line, environment or working folder names the project's folder."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid == psutil.Process().pid or process.status() == psutil.STATUS_ZOMBIE:
                continue
            told = [*process.cmdline(), *process.environ().values(), process.cwd()]
            if any(str(folder) in word for word in told):
                yield process
