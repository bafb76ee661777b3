"""The ledger opened to be read, by SQLite itself: loading SQLAlchemy takes longer than `status` may take to answer."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from overnight.errors import OvernightError, SessionError


class Source(Protocol):
    """Whatever answers a query: SQL text with `:name` parameters in, rows out."""

    def rows(self, sql: str, **parameters: object) -> Sequence[Any]:
        """The rows that a SELECT gives. Raises OvernightError when the ledger cannot be read."""
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
            raise OvernightError(explain(path, str(error))) from None

    def rows(self, sql: str, **parameters: object) -> Sequence[Any]:
        """The rows that a SELECT gives. Raises OvernightError when the ledger cannot be read."""
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise OvernightError(explain(self._path, str(error))) from None

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def require(path: Path) -> None:
    """Raise SessionError unless there is a ledger."""
    if not path.exists():
        raise SessionError(f"nothing was run in {path.parent.parent} yet; `overnight run` starts a session")


def explain(path: Path, cause: str) -> str:
    """What SQLite's words mean for the user, and what to do."""
    if "full" in cause:
        return f"the disk that holds {path} is full; make room and run `overnight run` again, nothing is lost"
    if "malformed" in cause or "not a database" in cause or "no such table" in cause:
        return f"{path} is damaged or no Overnight ledger ({cause}); move it away to start afresh"
    if "locked" in cause:
        return f"{path} is in use by another program that does not let go of it; close that program and try again"
    return f"{path} cannot be used: {cause}"
