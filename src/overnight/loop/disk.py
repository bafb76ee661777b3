"""Room on the disk: old outputs make way when it gets little, and the session waits when that is not enough."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from overnight.errors import Trouble
from overnight.ledger.history import History

PRUNE_BELOW_MB = 1024.0
PRUNE_BELOW_SHARE = 0.2
PAUSE_BELOW_MB = 256.0
PAUSE_BELOW_SHARE = 0.05
KEPT_NEWEST = 20
"""Outputs of so many experiments, the newest ones, always stay."""


@dataclass(frozen=True)
class Disk:
    """How much of a disk is free, in MiB."""

    free: float
    total: float

    @classmethod
    def of(cls, place: Path) -> Disk:
        """The disk that holds `place`."""
        usage = shutil.disk_usage(place)
        return cls(usage.free / 2**20, usage.total / 2**20)

    def has(self, wanted: float, share: float) -> bool:
        """Whether so many MiB are free, or that share of a small disk."""
        return self.free >= min(wanted, share * self.total)


class DiskRoom:
    """Looked at before each run.

    Below 1 GiB (a fifth of a small disk), what runs and agents have printed is removed until there is that much again:
    first that of earlier sessions, then of this one, oldest first; never of the newest 20 experiments, nor of kept ones
    of this session. The ledger (with the end of every output) and the candidates in git always stay. Below 256 MiB (a
    twentieth) the session waits.
    """

    def __init__(self, state: Path, repository: Path, history: History, look: Callable[[Path], Disk] = Disk.of) -> None:
        """`state` is the folder `.overnight/`, `repository` git's own."""
        self._state = state
        self._places = (state, repository)
        self._history = history
        self._look = look

    def must_suffice(self) -> None:
        """Raise Trouble when there is too little room to go on, whatever is pruned."""
        if self._is_plenty():
            return
        for log in self._prunable():
            log.unlink(missing_ok=True)
            if self._is_plenty():
                return
        for place in self._places:
            disk = self._look(place)
            if not disk.has(PAUSE_BELOW_MB, PAUSE_BELOW_SHARE):
                wanted = min(PAUSE_BELOW_MB, PAUSE_BELOW_SHARE * disk.total)
                raise Trouble(
                    "disk",
                    f"only {disk.free:.1f} MiB are free on the disk that holds {place}; the session goes on once there "
                    f"are {wanted:.1f}",
                )

    def _is_plenty(self) -> bool:
        return all(self._look(place).has(PRUNE_BELOW_MB, PRUNE_BELOW_SHARE) for place in self._places)

    def _prunable(self) -> Iterator[Path]:
        own = self._state / "sessions" / self._history.session / "logs"
        others = (folder for folder in self._state.glob("sessions/*/logs") if folder != own)
        for folder in sorted(others, key=lambda folder: folder.stat().st_mtime):
            yield from _oldest_first(folder.iterdir())
        stay = {judged.number for judged in self._history.kept()}
        newest = self._history.last_number() - KEPT_NEWEST
        numbered = ((int(found[0]), log) for log in own.glob("*") if (found := re.match(r"\d+", log.name)))
        yield from _oldest_first(log for number, log in numbered if 0 < number <= newest and number not in stay)


def _oldest_first(logs: Iterable[Path]) -> list[Path]:
    return sorted(logs, key=lambda log: log.lstat().st_mtime)
