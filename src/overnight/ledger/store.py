"""The ledger: one append-only table of events in SQLite, written before anything else happens.

What is not in it did not happen. No row is ever changed or taken out; triggers in the database itself see
to that, so that a bug elsewhere cannot rewrite history either.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError

from overnight.errors import OvernightError
from overnight.ledger.history import History
from overnight.ledger.reader import explain
from overnight.ledger.records import Record

_metadata = MetaData()

events = Table(
    "events",
    _metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("session", String(64), nullable=False),
    Column("time", Float, nullable=False, doc="Unix time, seconds."),
    Column("kind", String(32), nullable=False),
    Column("number", Integer, doc="The experiment; NULL for what concerns the whole session."),
    Column("verdict", String(16)),
    Column("fingerprint", String(64)),
    Column("payload", Text, nullable=False, doc="The record as JSON."),
    Index("events_by_kind", "session", "kind", "number"),
    Index("events_by_verdict", "session", "verdict", "number"),
    Index("events_by_fingerprint", "session", "fingerprint", "kind"),
    sqlite_autoincrement=True,
)

_VIEWS = """
CREATE VIEW IF NOT EXISTS experiments AS
SELECT session, number, verdict, payload ->> 'hypothesis' AS hypothesis, payload ->> 'metric' AS metric,
       payload ->> 'gain' AS gain, payload ->> 'gain_low' AS gain_low, payload ->> 'gain_high' AS gain_high,
       payload ->> 'runs' AS runs, payload ->> 'seconds' AS seconds, payload ->> 'commit' AS commit_id,
       payload ->> 'reason' AS reason
FROM events WHERE kind = 'judged' AND NOT EXISTS (SELECT 1 FROM events AS later WHERE later.session = events.session
    AND later.kind = 'judged' AND later.number = events.number AND later.id > events.id);
CREATE VIEW IF NOT EXISTS runs AS
SELECT session, number, payload ->> 'role' AS role, payload ->> 'commit' AS commit_id, payload ->> 'seed' AS seed,
       payload ->> 'outcome' AS outcome, payload ->> 'value' AS value, payload ->> 'wall_seconds' AS wall_seconds,
       payload ->> 'cpu_seconds' AS cpu_seconds, payload ->> 'peak_mb' AS peak_mb, payload ->> 'reason' AS reason
FROM events WHERE kind = 'measured';
CREATE TRIGGER IF NOT EXISTS events_are_never_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS events_are_never_removed BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


class Ledger:
    """The record of every session in one project. Safe to read from another process while one writes."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path

    @classmethod
    def open(cls, path: Path) -> Ledger:
        """The ledger in the file `path`, made if it is not there yet. Raises OvernightError if it cannot be used."""
        engine = create_engine(f"sqlite:///{path}")
        event.listen(engine, "connect", _set_up_connection)
        try:
            if not path.exists() or path.stat().st_size == 0:
                _create(engine)
            else:
                with engine.connect() as connection:
                    connection.execute(select(events.c.id).limit(1))
        except DatabaseError as error:
            raise OvernightError(explain(path, str(error.orig))) from None
        return cls(engine, path)

    def append(self, session: str, *records: Record) -> None:
        """Write records, all or none, and make them durable. Raises OvernightError when the disk is full."""
        now = time.time()
        columns = [
            {
                "session": session,
                "time": now,
                "kind": record.kind,
                "number": getattr(record, "number", None),
                "verdict": getattr(record, "verdict", None),
                "fingerprint": getattr(record, "fingerprint", None),
                "payload": record.model_dump_json(),
            }
            for record in records
        ]
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(events), columns)
        except DatabaseError as error:
            raise OvernightError(explain(self._path, str(error.orig))) from None

    def rows(self, sql: str, **parameters: object) -> Sequence[Any]:
        """The rows that a SELECT gives. Raises OvernightError when the ledger cannot be read."""
        try:
            with self._engine.connect() as connection:
                return connection.execute(_prepared(sql), parameters).all()
        except DatabaseError as error:
            raise OvernightError(explain(self._path, str(error.orig))) from None

    def close(self) -> None:
        """Let go of the file."""
        self._engine.dispose()


def _set_up_connection(connection: Any, _: object) -> None:
    # WAL lets `status` read while the loop writes. FULL makes each commit survive a loss of power.
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "busy_timeout = 10000"):
        connection.execute(f"PRAGMA {pragma}").close()


def _create(engine: Engine) -> None:
    with engine.begin() as connection:
        _metadata.create_all(connection)
        for statement in _VIEWS.split(";\n"):
            # A trigger has a semicolon of its own before END.
            if statement.strip():
                connection.execute(text(statement))


class Recorder(History):
    """A session's history that is being written."""

    def __init__(self, ledger: Ledger, session: str) -> None:
        super().__init__(ledger, session)
        self._ledger = ledger

    def append(self, *records: Record) -> None:
        """Write what happened, all or nothing. Only when this returns did it happen.

        Raises OvernightError when the disk is full.
        """
        self._ledger.append(self.session, *records)


# SQLAlchemy reads a text's parameters anew each time otherwise, which takes longer than SQLite takes to answer.
_prepared = lru_cache(text)
