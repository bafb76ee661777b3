"""The ledger: one append-only table of events in SQLite, written before anything else happens.

What is not in it did not happen. No row is ever changed or taken out; triggers in the database itself see
to that, so that a bug elsewhere cannot rewrite history either.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    Select,
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
from overnight.ledger.records import RECORD_KINDS, Record

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
FROM events WHERE kind = 'judged';
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


@dataclass(frozen=True)
class Event:
    """One row: a record, its place in the order of things, and when it was written (Unix time, seconds)."""

    id: int
    time: float
    record: Record


_SESSIONS = select(events.c.session).where(events.c.kind == "session_started").order_by(events.c.id)


class Ledger:
    """The record of every session in one project. Safe to read from another process while one writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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
            raise OvernightError(_why(path, error)) from None
        return cls(engine)

    def append(self, session: str, record: Record) -> int:
        """Write one record and make it durable. Returns its id. Raises OvernightError when the disk is full."""
        columns = {
            "session": session,
            "time": time.time(),
            "kind": record.kind,
            "number": getattr(record, "number", None),
            "verdict": getattr(record, "verdict", None),
            "fingerprint": getattr(record, "fingerprint", None),
            "payload": record.model_dump_json(),
        }
        try:
            with self._engine.begin() as connection:
                return int(connection.execute(insert(events), columns).inserted_primary_key[0])  # type: ignore[index]
        except DatabaseError as error:
            raise OvernightError(_why(Path(str(self._engine.url.database)), error)) from None

    def sessions(self) -> list[str]:
        """Every session, oldest first."""
        return [session for (session,) in self.rows(_SESSIONS)]

    def fetch(self, query: Select[Any], **parameters: object) -> list[Event]:
        """The events that `query` (on `events`, whole rows) selects."""
        return [
            Event(row.id, row.time, RECORD_KINDS[row.kind].model_validate_json(row.payload))
            for row in self.rows(query, **parameters)
        ]

    def rows(self, query: Select[Any], **parameters: object) -> Sequence[Any]:
        """The rows that `query` selects. Raises OvernightError when the ledger cannot be read."""
        try:
            with self._engine.connect() as connection:
                return connection.execute(query, parameters).all()
        except DatabaseError as error:
            raise OvernightError(_why(Path(str(self._engine.url.database)), error)) from None

    def scalar(self, query: Select[Any], **parameters: object) -> Any:
        """The first column of the first row that `query` selects; None if there is none."""
        rows = self.rows(query, **parameters)
        return rows[0][0] if rows else None

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


def _why(path: Path, error: DatabaseError) -> str:
    cause = str(error.orig)
    if "full" in cause:
        return f"the disk that holds {path} is full; make room and run `overnight run` again, nothing is lost"
    if "malformed" in cause or "not a database" in cause or "no such table" in cause:
        return f"{path} is damaged or no Overnight ledger ({cause}); move it away to start afresh"
    if "locked" in cause:
        return f"{path} is in use by another program that does not let go of it; close that program and try again"
    return f"{path} cannot be used: {cause}"
