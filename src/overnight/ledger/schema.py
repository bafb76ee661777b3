"""The ledger's tables, their version, and the way from an older version to this one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, Float, Index, Integer, MetaData, String, Table, Text, inspect, text
from sqlalchemy.types import UserDefinedType

from overnight.ledger.asking import NEWEST
from overnight.ledger.problems import VERSION

_metadata = MetaData()


class _Json(UserDefinedType[str]):
    """PostgreSQL's `json`, which keeps the very text that was written and still can be asked."""

    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        """The type's name in SQL."""
        return "JSON"


events = Table(
    "events",
    _metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("session", String(64), nullable=False),
    Column("time", Float(53), nullable=False, doc="Unix time, seconds."),
    Column("kind", String(32), nullable=False),
    Column("number", Integer, doc="The experiment; NULL for what concerns the whole session."),
    Column("verdict", String(16)),
    Column("fingerprint", String(64)),
    Column("payload", Text().with_variant(_Json(), "postgresql"), nullable=False, doc="The record as JSON."),
    Column("clock", Float(53), doc="The machine's monotonic clock, seconds: only differences within a process count."),
    Column("previous", String(64), doc="The hash of the session's event before this one; empty for the first."),
    Column("hash", String(64), doc="See `hash_of`."),
    Index("events_in_order", "session", "id"),
    Index("events_by_kind", "session", "kind", "number"),
    Index("events_by_verdict", "session", "verdict", "number"),
    Index("events_by_fingerprint", "session", "fingerprint", "kind"),
    sqlite_autoincrement=True,
)
ledger_schema = Table("ledger_schema", _metadata, Column("version", Integer, nullable=False))

_VIEWS = (
    f"""CREATE VIEW experiments AS
SELECT session, number, verdict, payload ->> 'hypothesis' AS hypothesis, payload ->> 'metric' AS metric,
       payload ->> 'gain' AS gain, payload ->> 'gain_low' AS gain_low, payload ->> 'gain_high' AS gain_high,
       payload ->> 'runs' AS runs, payload ->> 'seconds' AS seconds, payload ->> 'commit' AS commit_id,
       payload ->> 'reason' AS reason
FROM events WHERE kind = 'judged' AND {NEWEST}""",
    """CREATE VIEW runs AS
SELECT session, number, payload ->> 'role' AS role, payload ->> 'commit' AS commit_id, payload ->> 'seed' AS seed,
       payload ->> 'outcome' AS outcome, payload ->> 'value' AS value, payload ->> 'wall_seconds' AS wall_seconds,
       payload ->> 'cpu_seconds' AS cpu_seconds, payload ->> 'peak_mb' AS peak_mb, payload ->> 'reason' AS reason
FROM events WHERE kind = 'measured'""",
)
_GUARDS = {
    "sqlite": (
        "CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
        "CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION overnight_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$",
        "CREATE TRIGGER events_are_never_changed BEFORE UPDATE OR DELETE ON events "
        "FOR EACH ROW EXECUTE FUNCTION overnight_append_only()",
        "CREATE TRIGGER events_are_never_emptied BEFORE TRUNCATE ON events "
        "FOR EACH STATEMENT EXECUTE FUNCTION overnight_append_only()",
    ),
}


def hash_of(previous: str, session: str, time: float, kind: str, payload: str) -> str:
    """SHA-256 of an event and of the hash before it: a changed, lost or added event shows in every later one."""
    return hashlib.sha256("\n".join((previous, session, repr(time), kind, payload)).encode()).hexdigest()


def version_of(connection: Connection) -> int | None:
    """Which version the database is of; None where there is no ledger in it yet."""
    tables = inspect(connection).get_table_names()
    if ledger_schema.name in tables:
        return int(connection.execute(text("SELECT version FROM ledger_schema")).scalar_one())
    return 1 if events.name in tables else None


def create(connection: Connection) -> None:
    """Make the tables, what refuses changes, and the views."""
    _metadata.create_all(connection)
    connection.execute(ledger_schema.insert(), {"version": VERSION})
    _guard(connection)
    for view in _VIEWS:
        connection.exec_driver_sql(view)


def migrate(connection: Connection, version: int) -> None:
    """Bring an older ledger forward, in the transaction that `connection` is in."""
    if version >= 2:
        connection.execute(ledger_schema.update().values(version=VERSION))
        return
    for trigger in ("events_are_never_changed", "events_are_never_removed"):
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {trigger}")
    for column in ("clock FLOAT", "previous VARCHAR(64)", "hash VARCHAR(64)"):
        connection.exec_driver_sql(f"ALTER TABLE events ADD COLUMN {column}")
    last: dict[str, str] = {}
    rows: Sequence[Any] = connection.execute(
        text("SELECT id, session, time, kind, payload FROM events ORDER BY id")
    ).all()
    for row in rows:
        previous = last.get(row.session, "")
        last[row.session] = hash_of(previous, row.session, row.time, row.kind, row.payload)
        connection.execute(
            text("UPDATE events SET previous = :previous, hash = :hash WHERE id = :id"),
            {"previous": previous, "hash": last[row.session], "id": row.id},
        )
    next(index for index in events.indexes if index.name == "events_in_order").create(connection)
    ledger_schema.create(connection)
    connection.execute(ledger_schema.insert(), {"version": VERSION})
    _guard(connection)


def _guard(connection: Connection) -> None:
    for statement in _GUARDS[connection.dialect.name]:
        connection.exec_driver_sql(statement)
