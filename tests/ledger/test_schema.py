"""Older ledgers are brought forward with a copy kept; newer ones are refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from overnight.errors import OvernightError
from overnight.ledger.history import History
from overnight.ledger.problems import VERSION
from overnight.ledger.reader import LedgerReader
from overnight.ledger.records import Stopped
from overnight.ledger.salvage import problems_of
from overnight.ledger.store import Ledger, Recorder
from tests.night import Night

FIRST_VERSION = """
CREATE TABLE events (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, session VARCHAR(64) NOT NULL, time FLOAT NOT NULL,
    kind VARCHAR(32) NOT NULL, number INTEGER, verdict VARCHAR(16), fingerprint VARCHAR(64), payload TEXT NOT NULL
);
CREATE INDEX events_by_kind ON events (session, kind, number);
CREATE INDEX events_by_verdict ON events (session, verdict, number);
CREATE INDEX events_by_fingerprint ON events (session, fingerprint, kind);
CREATE VIEW experiments AS SELECT session, number, verdict FROM events WHERE kind = 'judged';
CREATE TRIGGER events_are_never_changed BEFORE UPDATE ON events
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A ledger as the first version wrote it, with a night in it."""
    night = Night.begin(tmp_path / "new.db")
    night.baseline(3.0)
    night.keep(1, 2.0)
    night.ledger.close()
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(FIRST_VERSION)
        connection.execute("ATTACH ? AS new", (str(tmp_path / "new.db"),))
        columns = "id, session, time, kind, number, verdict, fingerprint, payload"
        connection.execute(f"INSERT INTO events ({columns}) SELECT {columns} FROM new.events")
    connection.close()
    return path


def test_an_older_ledger_is_brought_forward_and_a_copy_of_it_kept(old: Path) -> None:
    before = old.read_bytes()
    ledger = Ledger.open(old)
    history = Recorder(ledger, "s")
    assert [judged.metric for judged in history.judged_after(-1)] == [3.0, 2.0]
    assert history.worked_seconds() >= 0
    history.append(Stopped(finished=True, reason="done"))
    assert problems_of(ledger) == []
    ledger.close()
    backup = old.with_name("ledger.db.version-1")
    with sqlite3.connect(backup) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (4,)
    connection.close()
    assert len(before) == backup.stat().st_size
    with sqlite3.connect(old) as connection, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute("UPDATE events SET verdict = 'keep'")
    connection.close()
    assert History(LedgerReader(old), "s").incumbent() == history.incumbent()


def test_the_second_version_only_gets_another_number(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    night = Night.begin(path)
    night.baseline(3.0)
    night.ledger.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE ledger_schema SET version = 2")
    connection.close()
    ledger = Ledger.open(path)
    assert problems_of(ledger) == []
    assert path.with_name("ledger.db.version-2").is_file()
    ledger.close()
    assert History(LedgerReader(path), "s").baseline() is not None


def test_a_migration_that_fails_leaves_the_older_ledger_as_it_was(old: Path) -> None:
    with sqlite3.connect(old) as connection:
        connection.execute("ALTER TABLE events ADD COLUMN previous TEXT")  # Somebody else's: it will be in the way.
    connection.close()
    with pytest.raises(OvernightError, match="previous"):
        Ledger.open(old)
    with sqlite3.connect(old) as connection, pytest.raises(sqlite3.OperationalError, match="no such table"):
        connection.execute("SELECT * FROM ledger_schema")
    connection.close()


def test_who_only_reads_an_older_one_is_told_what_to_do(old: Path) -> None:
    with pytest.raises(OvernightError, match=r"older Overnight; `overnight doctor` brings it up to date"):
        LedgerReader(old)


@pytest.mark.parametrize("opener", [Ledger.open, LedgerReader])
def test_a_newer_one_is_refused_and_left_alone(tmp_path: Path, opener: type[LedgerReader]) -> None:
    path = tmp_path / "ledger.db"
    Night.begin(path).ledger.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE ledger_schema SET version = version + 1")
    connection.close()
    with pytest.raises(OvernightError, match=rf"newer Overnight \(ledger version {VERSION + 1}, this one knows"):
        opener(path)


def test_a_ledger_whose_making_was_cut_off_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # It writes a first page, and nothing more.
    connection.close()
    assert path.stat().st_size > 0
    Night.begin(path).baseline(1.0)
