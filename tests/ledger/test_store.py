"""The ledger's file: durable, append-only, readable by others while it is written."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from overnight.errors import OvernightError, SessionError
from overnight.ledger.history import History
from overnight.ledger.reader import LedgerReader
from overnight.ledger.records import Judged
from overnight.ledger.store import Ledger, Recorder
from tests.night import Night, sha


def busy_night(path: Path | str) -> Night:
    """One of everything."""
    night = Night.begin(path)
    for seed, value in enumerate((3.0, 3.2, 2.8)):
        night.measure(0, "baseline", value, seed, fingerprint="print-0")
    night.baseline(3.0)
    night.propose(1)
    night.measure(1, "candidate", 2.0, output_tail="ünïcode \x00, which is not \\u0000, and control signs \x1b[0m")
    night.keep(1, 2.0)
    night.propose(2, commit=None, verdict="no_change", reason="nothing was changed")
    night.judge(2, "no_change")
    night.measure(1, "verify_best", 2.5, wall_seconds=3.0, cpu_seconds=2.5, joules=40.0)
    night.stop("interrupted")
    return night


QUESTIONS: dict[str, Callable[[History], object]] = {
    "started": History.started,
    "settings_now": History.settings_now,
    "last_event": History.last_event,
    "stopped": History.stopped,
    "verified": History.verified,
    "incumbent": History.incumbent,
    "judged_after": lambda history: list(history.judged_after(-1)),
    "judged_last": lambda history: history.judged_last(2),
    "proposed": lambda history: history.proposed(2),
    "runs": lambda history: history.runs(1),
    "tried": lambda history: [history.tried("print-1"), history.tried("print-7")],
    "counts": History.counts,
    "used": History.used,
    "moves": History.moves,
    "taken_back": History.taken_back,
    "last_number": History.last_number,
    "worked_seconds": lambda history: history.worked_seconds(2e9),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_fast_reader_says_what_the_writer_says(tmp_path: Path, question: str) -> None:
    night = busy_night(tmp_path / "ledger.db")
    reader = LedgerReader(tmp_path / "ledger.db")
    ask = QUESTIONS[question]
    assert ask(History(reader, "s")) == ask(night.history)


def test_what_was_written_is_there_for_whoever_opens_the_file_next(tmp_path: Path) -> None:
    night = busy_night(tmp_path / "ledger.db")
    before = [*night.history.judged_after(-1), *night.history.runs(1)]
    night.ledger.close()
    again = Recorder(Ledger.open(tmp_path / "ledger.db"), "s")
    assert [*again.judged_after(-1), *again.runs(1)] == before
    assert again.runs(1)[0].output_tail == "ünïcode ␀, which is not \\u0000, and control signs \x1b[0m"


@pytest.mark.parametrize("statement", ["UPDATE events SET verdict = 'keep'", "DELETE FROM events"])
def test_history_cannot_be_rewritten(tmp_path: Path, statement: str) -> None:
    busy_night(tmp_path / "ledger.db")
    connection = sqlite3.connect(tmp_path / "ledger.db")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        connection.execute(statement)


def test_the_reader_cannot_write(tmp_path: Path) -> None:
    busy_night(tmp_path / "ledger.db")
    with pytest.raises(OvernightError, match="readonly"):
        LedgerReader(tmp_path / "ledger.db").rows("INSERT INTO events (session) VALUES ('x')")


def test_views_answer_in_plain_sql(tmp_path: Path) -> None:
    busy_night(tmp_path / "ledger.db")
    connection = sqlite3.connect(tmp_path / "ledger.db")
    assert connection.execute("SELECT number, verdict, metric, commit_id FROM experiments").fetchall() == [
        (0, "baseline", 3.0, sha(0)),
        (1, "keep", 2.0, sha(1)),
        (2, "no_change", None, None),
    ]
    assert connection.execute("SELECT count(*), min(value) FROM runs").fetchone() == (5, 2.0)


def test_a_record_of_a_later_version_can_be_read(tmp_path: Path) -> None:
    night = busy_night(tmp_path / "ledger.db")
    payload = Judged(number=3, verdict="discard", reason="…").model_dump_json()
    later = payload.removesuffix("}") + ', "aura": "blue"}'
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute(
        "INSERT INTO events (session, time, kind, number, verdict, payload) VALUES ('s', 0, 'judged', 3, 'discard', ?)",
        (later,),
    )
    connection.commit()
    assert night.history.judged_number(3) == Judged(number=3, verdict="discard", reason="…")


def test_a_file_that_is_no_ledger_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("my diary, which is long enough to be looked at\n" * 100)
    before = path.read_bytes()
    with pytest.raises(OvernightError, match=r"no Overnight ledger .* `overnight doctor` recovers"):
        Ledger.open(path)
    with pytest.raises(OvernightError, match="no Overnight ledger"):
        LedgerReader(path).rows("SELECT 1 FROM events")
    assert path.read_bytes() == before


def test_nothing_to_read_yet(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="nothing was run in"):
        LedgerReader(tmp_path / ".overnight" / "ledger.db")
