"""A damaged ledger read as far as it can be, and made anew from what is true in it.

Each event carries the hash of itself and of the one before it, so what a torn or overwritten page has made of an event
is not believed, and what is missing shows.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from overnight.ledger.pages import rows_in
from overnight.ledger.reader import Source
from overnight.ledger.records import RECORD_KINDS
from overnight.ledger.schema import hash_of
from overnight.ledger.store import Ledger

_COLUMNS = "id, session, time, kind, number, verdict, fingerprint, CAST(payload AS TEXT), clock, previous, hash"


class Row(NamedTuple):
    """An event as the table has it."""

    id: int
    session: str
    time: float
    kind: str
    number: int | None
    verdict: str | None
    fingerprint: str | None
    payload: str
    clock: float | None
    previous: str
    hash: str

    def is_true(self) -> bool:
        """Whether it is what was once written: by its hash, and because it can be understood."""
        try:
            if hash_of(self.previous, self.session, self.time, self.kind, self.payload) != self.hash:
                return False
            record = RECORD_KINDS[self.kind].model_validate_json(self.payload)
        except (TypeError, AttributeError, KeyError, UnicodeError, ValidationError):
            return False
        own = tuple(getattr(record, name, None) for name in ("number", "verdict", "fingerprint"))
        return own == (self.number, self.verdict, self.fingerprint)


@dataclass(frozen=True)
class Salvage:
    """What a ledger that cannot be trusted still says."""

    rows: list[Row]
    """The true events, in order."""
    untrue: int
    """Events that are not what was written."""
    missing: int
    """Events that should be there and are not, as far as that shows."""


def problems_of(source: Source) -> list[str]:
    """What is wrong with the events themselves; nothing, when every one is true and follows on the one before it."""
    found: list[str] = []
    last: dict[str, str] = {}
    for row in map(Row._make, source.rows(f"SELECT {_COLUMNS} FROM events ORDER BY id")):
        if not row.is_true():
            found.append(f"event {row.id} ({row.kind}) is not what was written")
        elif row.previous != last.get(row.session, ""):
            found.append(f"what came before event {row.id} ({row.kind}) of session {row.session} is missing")
        last[row.session] = row.hash
    return found


def is_sound(path: Path) -> bool:
    """Whether SQLite finds its own pages in order."""
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return bool(connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",))
    except sqlite3.Error:
        return False


def salvage(path: Path) -> Salvage:
    """Read what can be read of a ledger's file and its write-ahead log. Nothing is written."""
    true: dict[str, Row] = {}
    untrue: set[int] = set()
    for row_id, (_, session, time, *rest) in rows_in(path, _companions(path)[0], len(Row._fields)):
        row = Row._make((row_id, session, float(time) if isinstance(time, int) else time, *rest))
        if row.is_true():
            true.setdefault(row.hash, row)
        elif row.kind in RECORD_KINDS:
            untrue.add(row_id)
    chains = _chains(true)
    missing = sum(chain[0].previous != "" for chain in chains)
    rows = [row for chain in sorted(chains, key=_place) for row in chain]
    return Salvage(rows, len(untrue - {row.id for row in rows}), missing)


def _chains(true: dict[str, Row]) -> list[list[Row]]:
    """The events in the order in which they follow on each other; a new list where something is missing."""
    following = {row.previous: row for row in true.values() if row.previous}
    chains = []
    for first in true.values():
        if first.previous not in true:
            chain = [first]
            while (row := following.get(chain[-1].hash)) is not None:
                chain.append(row)
            chains.append(chain)
    return chains


def _place(chain: list[Row]) -> int:
    """Where a chain was in the table. No hash covers the number of a row, so the one in the middle is asked."""
    return sorted(row.id for row in chain)[len(chain) // 2]


def replace_ledger(path: Path, rows: Iterable[Row], mark: str) -> Path:
    """Put a ledger of these events in the damaged one's place, which stays beside it under a name with `mark`.

    The events keep their order and times; they follow on each other anew, since some are gone.
    """
    fresh = path.with_name(f"{path.name}.fresh")
    for leftover in (fresh, *_companions(fresh)):
        leftover.unlink(missing_ok=True)
    with contextlib.closing(Ledger.open(fresh)) as ledger:
        ledger.insert_rows(_chained(rows))
    with contextlib.closing(sqlite3.connect(fresh)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode = DELETE")
    damaged = path.with_name(f"{path.name}.{mark}")
    if path.exists():
        for file in (path, *_companions(path)):
            if file.exists():
                shutil.copy2(file, file.with_name(file.name.replace(path.name, damaged.name)))
    for file in _companions(path):
        file.unlink(missing_ok=True)  # Of the damaged one; SQLite would put them into the new one.
    fresh.replace(path)
    return damaged


def _companions(path: Path) -> tuple[Path, ...]:
    return tuple(path.with_name(path.name + ending) for ending in ("-wal", "-shm", "-journal"))


def _chained(rows: Iterable[Row]) -> Iterator[dict[str, Any]]:
    last: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        previous = last.get(row.session, "")
        last[row.session] = hash_of(previous, row.session, row.time, row.kind, row.payload)
        yield {**row._asdict(), "id": number, "previous": previous, "hash": last[row.session]}
