"""The same ledger on a real PostgreSQL server."""

from __future__ import annotations

from pathlib import Path

import pytest

from overnight.errors import OvernightError
from overnight.ledger.history import choose_session, sessions
from overnight.ledger.records import SessionStarted
from overnight.ledger.salvage import problems_of
from overnight.ledger.store import Ledger, Recorder
from tests.ledger.test_store import QUESTIONS, busy_night
from tests.night import SETTINGS, Night, sha
from tests.postgres import PostgresServer


@pytest.fixture(scope="module")
def shared(postgres: PostgresServer) -> Night:
    """One of everything, in it."""
    return busy_night(postgres.url)


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_answers_as_sqlite_does(tmp_path: Path, shared: Night, question: str) -> None:
    ask, alone = QUESTIONS[question], busy_night(tmp_path / "ledger.db")
    if question in ("last_event", "worked_seconds"):
        assert type(ask(shared.history)) is type(ask(alone.history))  # They hold the time.
    else:
        assert ask(shared.history) == ask(alone.history)


def test_it_is_noisy_as_sqlite_says(tmp_path: Path, shared: Night) -> None:
    assert shared.history.is_noisy() == busy_night(tmp_path / "ledger.db").history.is_noisy() is True


def test_every_event_is_what_was_written(shared: Night) -> None:
    assert problems_of(shared.ledger) == []


@pytest.mark.parametrize("statement", ["UPDATE events SET verdict = 'keep'", "DELETE FROM events", "TRUNCATE events"])
def test_history_cannot_be_rewritten(shared: Night, statement: str) -> None:
    with pytest.raises(OvernightError, match="append-only"):
        shared.ledger.rows(statement)


def test_views_answer_in_plain_sql(shared: Night) -> None:
    rows = shared.ledger.rows("SELECT number, verdict, CAST(metric AS FLOAT) FROM experiments ORDER BY number")
    assert [tuple(row) for row in rows] == [(0, "baseline", 3.0), (1, "keep", 2.0), (2, "no_change", None)]


def test_a_team_shares_it_and_each_goes_on_with_their_own(postgres: PostgresServer, shared: Night) -> None:
    ledger = Ledger.open(postgres.url)
    for name, home in (("ada", "a"), ("bob", "b")):
        started = SessionStarted(goal="…", settings=SETTINGS, base=sha(0), folder="", seed=0, version="0", home=home)
        Recorder(ledger, name).append(started)
    assert sessions(ledger) == ["s", "ada", "bob"]
    assert choose_session(ledger, None, "a") == "ada"
    assert choose_session(ledger, "bob", "a") == "bob"


@pytest.mark.parametrize("address", ["our team's", "mysql://db/team", "postgresql+nothing://db/team"])
def test_an_address_that_is_none(address: str) -> None:
    with pytest.raises(OvernightError, match="is no address of a PostgreSQL database"):
        Ledger.open(address)


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(OvernightError, match="cannot be used now"):
        Ledger.open(f"postgresql+psycopg://overnight:secret@/postgres?host={tmp_path}")
