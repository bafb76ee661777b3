"""A damaged ledger read as far as it can be, and made anew from what is true in it.

Each event carries the hash of itself and of the one before it, so what a torn or overwritten page has made of an event
is not believed, and what is missing shows.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from overnight.ledger.reader import Source
from overnight.ledger.records import RECORD_KINDS
from overnight.ledger.schema import hash_of
from overnight.ledger.store import Ledger

_COLUMNS = "id, session, time, kind, number, verdict, fingerprint, CAST(payload AS TEXT), clock, previous, hash"
_MOST_MISSED = 200_000
"""Unreadable events in a row after which there is nothing more to be hoped for."""


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
    """Read what can be read of a ledger's file, from a copy of it. The file itself is only read."""
    true: list[Row] = []
    untrue = 0
    with tempfile.TemporaryDirectory(prefix="overnight-doctor-", dir=path.parent) as folder:
        copy = Path(folder) / path.name
        for file in (path, *_companions(path)):
            if file.exists():
                shutil.copy2(file, copy.with_name(file.name))
        for row in _rows_of(copy) or _rows_of(_with_a_new_first_page(copy)):
            if row.is_true():
                true.append(row)
            else:
                untrue += 1
    last: dict[str, str] = {}
    missing = 0
    for row in true:
        missing += row.previous != last.get(row.session, "")
        last[row.session] = row.hash
    return Salvage(true, untrue, max(missing, 0))


def _rows_of(path: Path) -> list[Row]:
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute(
                "PRAGMA writable_schema = ON"
            )  # Or SQLite would read nothing of a file that is too short.
            return list(_readable(connection))
    except sqlite3.Error:
        return []


def _with_a_new_first_page(path: Path) -> Path:
    """The first page says where which table begins, and that is the same in each ledger: so a new one's will do."""
    fresh = path.with_name("fresh.db")
    Ledger.open(fresh).close()
    content = bytearray(path.read_bytes())
    page = int.from_bytes(fresh.read_bytes()[16:18], "big")
    content[:page] = fresh.read_bytes()[:page]
    content[28:32] = (len(content) // page).to_bytes(4, "big")
    for file in _companions(path):
        file.unlink(missing_ok=True)
    path.write_bytes(content)
    return path


def _readable(connection: sqlite3.Connection) -> Iterator[Row]:
    """Every event that SQLite can get at, by its id where it cannot go from one to the next."""
    connection.text_factory = lambda data: data.decode("utf-8", errors="replace")
    sql = f"SELECT {_COLUMNS} FROM events NOT INDEXED WHERE id >= ? ORDER BY id"
    at, missed = 1, 0
    while missed < _MOST_MISSED:
        try:
            for values in connection.execute(sql, (at,)):
                row = Row._make(values)
                yield row
                at, missed = row.id + 1, 0
            return
        except sqlite3.Error:
            at, missed = at + 1, missed + 1


def replace_ledger(path: Path, rows: Iterable[Row], mark: str) -> Path:
    """Put a ledger of these events in the damaged one's place, which stays beside it under a name with `mark`.

    The events keep their numbers and times; they follow on each other anew, since some are gone.
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
    for row in rows:
        previous = last.get(row.session, "")
        last[row.session] = hash_of(previous, row.session, row.time, row.kind, row.payload)
        yield {**row._asdict(), "previous": previous, "hash": last[row.session]}
