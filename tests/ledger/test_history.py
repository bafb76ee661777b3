"""The questions that the loop and the morning ask of the ledger."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overnight.errors import SessionError
from overnight.ledger.accounts import Used
from overnight.ledger.history import History, choose_session
from overnight.ledger.reader import LedgerReader
from overnight.ledger.records import Resumed, Reviewed, Troubled, Verdict
from tests.night import SETTINGS, Night, sha

VERDICTS = [verdict for verdict in get_args(Verdict) if verdict != "baseline"]


@settings(max_examples=25)
@given(st.lists(st.sampled_from(VERDICTS), max_size=30))
def test_counts_order_and_incumbent_agree_with_what_was_written(verdicts: list[Verdict]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        night = Night.begin(Path(folder) / "ledger.db")
        night.baseline(1.0)
        for number, verdict in enumerate(verdicts, start=1):
            night.judge(number, verdict)
        history = night.history
        assert [judged.verdict for judged in history.judged_after(0)] == verdicts
        assert [judged.verdict for judged in history.judged_last(7)] == verdicts[-7:]
        assert history.counts().experiments == len(verdicts)
        assert history.counts().kept == verdicts.count("keep")
        assert history.counts().failed == sum(verdict in ("crash", "timeout", "invalid") for verdict in verdicts)
        kept = [number for number, verdict in enumerate(verdicts, start=1) if verdict == "keep"]
        incumbent = history.incumbent()
        assert incumbent is not None
        assert incumbent.number == (kept[-1] if kept else 0)
        assert history.last_number() == len(verdicts)
        night.ledger.close()


def test_a_long_history_is_read_in_order_across_batches(night: Night) -> None:
    for number in range(1, 2102):
        night.judge(number, "discard")
    assert [judged.number for judged in night.history.judged_after(50)] == list(range(51, 2102))


def test_a_proposal_without_a_verdict_has_its_number(night: Night) -> None:
    night.baseline(1.0)
    night.propose(1)
    assert night.history.last_number() == 1
    assert night.history.judged_number(1) is None
    last = night.history.last_proposed()
    assert last is not None
    assert last.commit == sha(1)


def test_a_version_that_did_not_repeat_is_noise_but_not_if_verify_scored_it(night: Night) -> None:
    night.measure(1, "candidate", 5.0, 11)
    night.measure(2, "candidate", 4.0, 13)
    night.measure(1, "verify_best", 9.0, 14)
    assert not night.history.is_noisy()
    night.measure(2, "incumbent", 5.2, 12, fingerprint="print-1")
    assert night.history.is_noisy()
    assert [run.value for run in night.history.runs(2)] == [4.0, 5.2]


def test_stopped_until_it_is_taken_up_again(night: Night) -> None:
    assert night.history.stopped() is None
    night.stop("interrupted")
    stopped = night.history.stopped()
    assert stopped is not None
    assert not stopped.finished
    night.history.append(Resumed(pid=2, settings={}))
    assert night.history.stopped() is None


def test_worked_time_leaves_out_the_time_between_restarts(tmp_path: Path) -> None:
    night = Night.begin(tmp_path / "ledger.db", session="empty")
    connection = sqlite3.connect(tmp_path / "ledger.db")
    # Begun at 100, last sign of life at 130 (a kill leaves no record), taken up at 1000, at work since. Somebody has
    # verified meanwhile, and the wall clock was set back by a year.
    for clock, kind, payload in (
        (100, "resumed", '{"pid": 1, "settings": {}}'),
        (130, "judged", '{"number": 1, "verdict": "keep", "reason": ""}'),
        (700, "measured", _VERIFYING),
        (1000, "resumed", '{"pid": 2, "settings": {}}'),
        (1005, "judged", '{"number": 2, "verdict": "keep", "reason": ""}'),
    ):
        connection.execute(
            "INSERT INTO events (session, time, clock, kind, payload) VALUES ('s', ?, ?, ?, ?)",
            (2e9 - 3e4 * clock, clock, kind, payload),
        )
    connection.commit()
    assert History(night.ledger, "s").worked_seconds() == 30 + 5
    assert History(night.ledger, "s").worked_seconds(1010) == 30 + 10


_VERIFYING = (
    '{"number": 0, "role": "verify_best", "commit": "", "fingerprint": "", "seed": 0, "outcome": "ok", "value": 1.0}'
)


def test_sessions_do_not_see_each_other(tmp_path: Path) -> None:
    first = Night.begin(tmp_path / "ledger.db", session="monday")
    second = Night.begin(tmp_path / "ledger.db", session="tuesday")
    first.propose(1)
    assert not second.history.tried("print-1")
    assert not first.history.is_newest()
    assert second.history.is_newest()
    reader = LedgerReader(tmp_path / "ledger.db")
    assert choose_session(reader, None) == "tuesday"
    assert choose_session(reader, "monday") == "monday"
    with pytest.raises(SessionError, match="no session 'sunday' here; there are monday, tuesday"):
        choose_session(reader, "sunday")


def test_where_the_time_and_the_power_went(night: Night) -> None:
    assert night.history.used() == Used(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
    night.measure(0, "baseline", 3.0, wall_seconds=2.0, cpu_seconds=1.5, joules=10.0)
    night.propose(1, seconds=4.0)
    night.measure(1, "candidate", None, wall_seconds=1.0, cpu_seconds=0.5)
    night.measure(1, "control", 3.0, wall_seconds=2.0, cpu_seconds=1.0, joules=12.5)
    night.measure(1, "verify_best", 3.0, wall_seconds=8.0, cpu_seconds=7.0)
    night.history.append(
        Troubled(what="agent", reason="it is busy", pause=30.0),
        Reviewed(number=1, proposer="claude", text="", seconds=6.0),
    )
    assert night.history.used() == Used(
        runs=4, measuring=5.0, verifying=8.0, proposing=10.0, waiting=30.0, cpu=10.0, joules=22.5, joules_known=2
    )


def test_a_keep_that_did_not_last_is_found(night: Night) -> None:
    night.baseline(3.0)
    night.keep(1, 2.0)
    night.keep(2, 1.0)
    night.discard(3, 4.0)
    night.discard(1, 2.5)
    assert [judged.number for judged in night.history.taken_back()] == [1]
    night.keep(1, 2.0)
    assert night.history.taken_back() == []


def test_an_agent_that_is_waited_for_is_told_of_while_others_work(night: Night) -> None:
    night.baseline(1.0)
    now = time.time()
    night.history.append(Troubled(what="disk", reason="it is full", pause=3600.0))
    night.discard(1, 2.0, proposer="submitted")
    assert night.history.waiting(now) is None, "that is over"
    night.history.append(Troubled(what="agent", reason="it is busy", pause=3600.0))
    night.discard(2, 2.0, proposer="submitted")
    night.history.append(Troubled(what="agent", reason="another one was asked", number=3))
    waits = night.history.waiting(now + 60)
    assert waits is not None
    assert isinstance(waits.record, Troubled)
    assert waits.record.reason == "it is busy"
    assert night.history.waiting(now + 4000) is None
    night.history.append(Resumed(pid=2, settings=SETTINGS))
    assert night.history.waiting(now) is None, "it is asked anew"


def test_what_was_waited_for_until_its_time_is_waited_for_no_more(night: Night) -> None:
    night.history.append(Troubled(what="agent", reason="it is busy", pause=60.0))
    event = night.history.last_event()
    assert event is not None
    assert night.history.waiting(event.time + 59) == event
    assert night.history.waiting(event.time + 61) is None, "it thinks, and that may take long"
