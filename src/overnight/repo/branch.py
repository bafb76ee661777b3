"""The branch of kept changes and the refs that keep every other candidate: where git remembers what the ledger says."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pygit2

from overnight.errors import Trouble
from overnight.repo.git import Repository

_LOCK_SECONDS = 2.0
"""A lock on a ref that is older was left by a process that is no more."""
_GC_PATIENCE_SECONDS = 60.0
_OBJECT_SECONDS = 10.0
"""The same for a half-written object."""


@dataclass(frozen=True)
class SessionRefs:
    """The names that one session owns in the user's repository. No other ref is ever written."""

    repository: Repository
    session: str

    @property
    def branch(self) -> str:
        """The branch's short name."""
        return f"overnight/{self.session}"

    def set_branch(self, commit: str, is_own: Callable[[str], bool]) -> None:
        """Make the branch of kept changes end at `commit`, unless somebody stands on it: they would see it change.

        `is_own` says whether the session made a commit. What somebody else has put on the branch gets one of its own.
        """
        tip = self.branch_tip()
        if tip != commit:
            if self.is_checked_out():
                return
            if tip is not None and not is_own(tip):
                self._set(f"refs/heads/{self.branch}-yours-{tip[:7]}", tip)
            self._set(f"refs/heads/{self.branch}", commit)
        self._delete(self._next)  # It has done its part.

    def branch_tip(self) -> str | None:
        """Where the branch ends; None if it is not there."""
        return self._get(f"refs/heads/{self.branch}")

    def set_aside(self) -> list[str]:
        """The branches that hold what somebody else had put on this one."""
        prefix = f"refs/heads/{self.branch}-yours-"
        return [name.removeprefix("refs/heads/") for name in self.repository.git.references if name.startswith(prefix)]

    def is_checked_out(self) -> bool:
        """Whether the user stands on the branch, here or in another worktree of theirs."""
        return is_checked_out(self.repository, self.branch)

    def numbers(self) -> list[int]:
        """The experiments that git has a candidate of."""
        prefix = f"refs/overnight/{self.session}/"
        found = (name.removeprefix(prefix) for name in self.repository.git.references if name.startswith(prefix))
        return sorted(int(number) for number in found if number.isdecimal())

    def remember(self, number: int, commit: str) -> None:
        """Keep experiment `number`'s candidate reachable, whatever its verdict."""
        self._set(f"refs/overnight/{self.session}/{number}", commit)

    def keep_earlier(self, number: int) -> None:
        """Another candidate is about to take the place of experiment `number`'s: keep this one reachable too."""
        earlier = self.remembered(number)
        if earlier is not None:
            self._set(f"refs/overnight/{self.session}/{number}-{earlier[:7]}", earlier)

    def secure(self, commit: str, number: int | None = None) -> bool:
        """Point a ref at a new commit (that of a candidate, or the next keep) before the ledger speaks of it.

        Nothing had pointed at it so far, so a `git gc --prune=now` that is under way may have taken it, or still may:
        its end is waited for. False if something is gone; then the ref is too, and the commit is to be made again.
        """
        name = self._next if number is None else f"refs/overnight/{self.session}/{number}"
        self._set(name, commit)
        self.wait_for_gc()
        if self.repository.is_whole(commit):
            return True
        self._delete(name)
        return False

    def wait_for_gc(self) -> None:
        """Wait while `git gc` is at work. Raises Trouble when it does not come to an end."""
        patience = time.monotonic() + _GC_PATIENCE_SECONDS
        while _is_gc_at_work(self.repository.common_folder / "gc.pid"):
            if time.monotonic() > patience:
                raise Trouble("git", "`git gc` is at work on the repository and takes long")
            time.sleep(0.02)

    def remembered(self, number: int) -> str | None:
        """Experiment `number`'s candidate as git has it."""
        return self._get(f"refs/overnight/{self.session}/{number}")

    def clear_temporary_files(self) -> None:
        """Remove what a process that was killed while it wrote has left in git's folder.

        A lock on one of our refs is held for an instant, and nobody else has a reason to: it is waited for, and goes.
        A half-written object has no owner in its name: only old ones go.
        """
        with contextlib.suppress(OSError):
            patience = time.monotonic() + 2 * _LOCK_SECONDS
            while (locks := self._locks()) and time.monotonic() < patience:
                for lock in locks:
                    _remove_old(lock, _LOCK_SECONDS)
                time.sleep(0.05)
            for pattern in ("tmp_*", "??/tmp_*"):
                for left in (self.repository.common_folder / "objects").glob(pattern):
                    _remove_old(left, _OBJECT_SECONDS)

    def _locks(self) -> list[Path]:
        common = self.repository.common_folder
        names = (f"refs/heads/{self.branch}.lock", f"refs/overnight/{self.session}/*.lock")
        return [lock for folder in (common, common / "logs") for name in names for lock in folder.glob(name)]

    @property
    def _next(self) -> str:
        return f"refs/overnight/{self.session}/next"

    def _delete(self, name: str) -> None:
        with contextlib.suppress(KeyError, pygit2.GitError):
            self.repository.git.references.delete(name)

    def _set(self, name: str, commit: str) -> None:
        if self._get(name) == commit:
            return
        patience = time.monotonic() + 2 * _LOCK_SECONDS
        while True:
            try:
                self.repository.git.references.create(name, pygit2.Oid(hex=commit), force=True)
                return
            except (pygit2.GitError, OSError, KeyError, ValueError) as error:
                if "corrupted loose reference" in str(error):  # A loss of power can leave it empty; it is ours.
                    (self.repository.common_folder / name).unlink(missing_ok=True)
                elif time.monotonic() > patience or "lock" not in str(error):
                    hint = " (is there a branch called just `overnight`? rename it)" if "/heads/" in name else ""
                    raise Trouble("git", f"git cannot write {name}: {error}{hint}") from None
            for folder in (self.repository.common_folder, self.repository.common_folder / "logs"):
                _remove_old(folder / f"{name}.lock", _LOCK_SECONDS)
            time.sleep(0.05)

    def _get(self, name: str) -> str | None:
        try:
            found = self.repository.git.references.get(name)
        except (pygit2.GitError, ValueError):
            return None  # It is there, but says nothing that git understands: as good as not there.
        return str(found.target) if found is not None else None


def is_checked_out(repository: Repository, branch: str) -> bool:
    """Whether the user stands on a branch, here or in another worktree of theirs."""
    common = repository.common_folder
    heads = [common / "HEAD", *common.glob("worktrees/*/HEAD")]
    return any(_text_of(head).strip() == f"ref: refs/heads/{branch}" for head in heads)


def _is_gc_at_work(pid_file: Path) -> bool:
    """Whether the process that git has noted there is alive; one that was killed leaves its note."""
    words = _text_of(pid_file).split()
    if len(words) != 2 or not words[0].isdecimal() or words[1] != socket.gethostname():
        return False
    try:
        return psutil.Process(int(words[0])).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _remove_old(path: Path, seconds: float) -> None:
    """Remove a file that nobody has touched for so long."""
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > seconds:
            path.unlink()


def _text_of(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


_KEPT = re.compile(r"^\S+: (?P<before>\S+) -> (?P<after>\S+) \(experiment (?P<number>\d+)\)$", re.MULTILINE)


@dataclass(frozen=True)
class KeptCommit:
    """What a commit on the branch says of itself."""

    number: int
    hypothesis: str
    before: float
    after: float

    @classmethod
    def read(cls, message: str) -> KeptCommit | None:
        """What `kept_message` has written; None if it is another's message."""
        found = _KEPT.search(message)
        if found is None:
            return None
        return cls(int(found["number"]), message.split("\n", 1)[0], float(found["before"]), float(found["after"]))


def sessions_in_git(repository: Repository) -> list[str]:
    """The sessions that git remembers, by their branches and refs, in the order of their names."""
    found = set()
    for name in repository.git.references:
        if match := re.match(r"refs/(?:heads/overnight/(?P<branch>[^/]+)|overnight/(?P<ref>[^/]+)/\d+)$", name):
            found.add(match["branch"] or match["ref"])
    return sorted(name for name in found if "-yours-" not in name)


def kept_message(hypothesis: str, metric: str, before: float, after: float, number: int) -> str:
    """A kept change's commit message: the idea in the first line, then what it did to the metric."""
    return f"{hypothesis}\n\n{metric}: {before:.6g} -> {after:.6g} (experiment {number})\n"
