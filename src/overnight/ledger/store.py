"""The ledger: one append-only table of events, written before anything else happens.

What is not in it did not happen. No row is ever changed or taken out; triggers in the database itself see
to that, so that a bug elsewhere cannot rewrite history either. It is at home on SQLite; the same on PostgreSQL by URL.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, insert, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from overnight.errors import OvernightError
from overnight.ledger import schema
from overnight.ledger.history import History
from overnight.ledger.problems import VERSION, explain, too_new
from overnight.ledger.records import Record
from overnight.ledger.schema import events, hash_of

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""A character that guests may print and PostgreSQL refuses in any text; ␀ stands for it."""
_LAST_HASH = text("SELECT hash FROM events WHERE session = :session ORDER BY id DESC LIMIT 1")


class Ledger:
    """The record of every session in one project. Safe to read from another process while one writes."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.name = name
        """What to call it to a person: the file, or the URL without its password."""

    @classmethod
    def open(cls, place: Path | str) -> Ledger:
        """The ledger in a file, or at a database's URL; made if it is not there yet, brought forward if it is older.

        Raises OvernightError if it cannot be used, or was written by a newer program.
        """
        engine, name = _connect(place)
        try:
            with engine.begin() as connection:
                version = schema.version_of(connection)
                if version is None:
                    schema.create(connection)
            if version is not None and version > VERSION:
                raise too_new(name, version)
            if version is not None and version < VERSION:
                _bring_forward(engine, place, version)
        except DBAPIError as error:
            raise explain(name, str(error.orig)) from None
        return cls(engine, name)

    def append(self, session: str, *records: Record) -> None:
        """Write records, all or none, and make them durable.

        Raises Trouble when the disk is full or the database does not answer. Then it may have been written or not:
        only the ledger itself can tell.
        """
        now, clock = time.time(), time.monotonic()
        try:
            with self._engine.begin() as connection:
                previous = connection.execute(_LAST_HASH, {"session": session}).scalar() or ""
                columns = []
                for record in records:
                    payload = _NUL.sub(r"\1\\u2400", record.model_dump_json())
                    own = hash_of(previous, session, now, record.kind, payload)
                    columns.append(
                        {
                            "session": session,
                            "time": now,
                            "kind": record.kind,
                            "number": getattr(record, "number", None),
                            "verdict": getattr(record, "verdict", None),
                            "fingerprint": getattr(record, "fingerprint", None),
                            "payload": payload,
                            "clock": clock,
                            "previous": previous,
                            "hash": own,
                        }
                    )
                    previous = own
                connection.execute(insert(events), columns)
        except DBAPIError as error:
            raise explain(self.name, str(error.orig)) from None

    def insert_rows(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write events that were written before, whole and in one go, into a ledger that is made anew."""
        columns = list(rows)
        if columns:
            with self._engine.begin() as connection:
                connection.execute(insert(events), columns)

    def rows(self, sql: str, **parameters: object) -> Sequence[Any]:
        """The rows that a SELECT gives. Raises OvernightError when the ledger cannot be read."""
        try:
            with self._engine.connect() as connection:
                return connection.execute(_prepared(sql), parameters).all()
        except DBAPIError as error:
            raise explain(self.name, str(error.orig)) from None

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()


def _connect(place: Path | str) -> tuple[Engine, str]:
    if isinstance(place, Path):
        engine = create_engine(f"sqlite:///{place}")
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin)
        return engine, str(place)
    try:
        url = make_url(place)
        if url.get_backend_name() != "postgresql":
            raise ArgumentError
        return create_engine(url, pool_pre_ping=True), url.render_as_string(hide_password=True)
    except (ArgumentError, NoSuchModuleError):
        raise OvernightError(
            "`ledger:` is no address of a PostgreSQL database; write postgresql+psycopg://USER@HOST/NAME, or leave it "
            "out to have the ledger in .overnight/"
        ) from None
    except ModuleNotFoundError as error:
        raise OvernightError(
            f"a ledger on PostgreSQL needs the package {error.name!r}; install `overnight[postgresql]`"
        ) from None


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # We say BEGIN ourselves: sqlite3 would not do it before CREATE or SELECT.
    # WAL lets `status` read while the loop writes. FULL makes each commit survive a loss of power.
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 10000"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")


def _bring_forward(engine: Engine, place: Path | str, version: int) -> None:
    """Migrate, with a copy of what was there left beside it."""
    with engine.begin() as connection:
        if isinstance(place, Path):
            _back_up(place, place.with_name(f"{place.name}.version-{version}"))
        else:
            connection.exec_driver_sql(f"CREATE TABLE events_version_{version} AS TABLE events")
        schema.migrate(connection, version)


def _back_up(source: Path, target: Path) -> None:
    """A consistent copy of a database that may be in use. An older copy of the same name is from a try that failed."""
    target.unlink(missing_ok=True)
    original, copy = sqlite3.connect(source), sqlite3.connect(target)
    try:
        original.backup(copy)
    finally:
        copy.close()
        original.close()


class Recorder(History):
    """A session's history that is being written."""

    def __init__(self, ledger: Ledger, session: str) -> None:
        super().__init__(ledger, session)
        self._ledger = ledger

    def append(self, *records: Record) -> None:
        """Write what happened, all or nothing. Only when this returns did it happen for sure.

        Raises Trouble when the disk is full or the database does not answer.
        """
        self._ledger.append(self.session, *records)


# SQLAlchemy reads a text's parameters anew each time otherwise, which takes longer than SQLite takes to answer.
_prepared = lru_cache(text)
