"""The ledger opened to be read, by SQLite itself: loading SQLAlchemy takes longer than `status` may take to answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from overnight.errors import SessionError
from overnight.ledger.problems import VERSION, explain, too_new, too_old


class Source(Protocol):
    """Whatever answers a query: SQL text with `:name` parameters in, rows out."""

    def rows(self, sql: str, **parameters: object) -> Sequence[Any]:
        """The rows that a SELECT gives. Raises OvernightError when the ledger cannot be read."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class LedgerReader:
    """The events of every session in one project, for reading; safe while a session writes."""

    def __init__(self, path: Path) -> None:
        """Raises SessionError if nothing was ever run here."""
        require(path)
        self._path = path
        try:
            # Not `mode=ro`: a reader of a WAL database takes part in its shared memory, which it may have to make.
            self._connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, timeout=10)
            self._connection.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            raise explain(str(path), str(error)) from None
        self._must_be_of_this_version()

    def rows(self, sql: str, **parameters: object) -> Sequence[Any]:
        """The rows that a SELECT gives. Raises OvernightError when the ledger cannot be read."""
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise explain(str(self._path), str(error)) from None

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _must_be_of_this_version(self) -> None:
        tables = {name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "ledger_schema" not in tables:
            raise too_old(str(self._path)) if "events" in tables else _nothing(self._path)
        version = self.rows("SELECT version FROM ledger_schema")[0][0]
        if version > VERSION:
            raise too_new(str(self._path), version)


def open_source(place: Path | str) -> Source:
    """The ledger in a file, or at a database's URL, to be read by the thread that opens it.

    Raises OvernightError where there is none, or none that this program can read.
    """
    if isinstance(place, Path):
        return LedgerReader(place)
    from overnight.ledger.store import Ledger  # noqa: PLC0415 - takes longer to load than `status` may take

    return Ledger.open(place)


def require(path: Path) -> None:
    """Raise SessionError unless there is a ledger."""
    if not path.exists():
        raise _nothing(path)


def _nothing(path: Path) -> SessionError:
    return SessionError(f"nothing was run in {path.parent.parent} yet; `overnight run` starts a session")
