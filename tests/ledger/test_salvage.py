"""A ledger that was damaged: what is not true is not believed, and what is true is not lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from overnight.ledger.history import History
from overnight.ledger.reader import LedgerReader
from overnight.ledger.salvage import is_sound, problems_of, replace_ledger, salvage
from overnight.ledger.store import Ledger
from tests.night import Night


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A ledger's file with two hundred experiments in it."""
    path = tmp_path_factory.mktemp("whole") / "ledger.db"
    night = Night.begin(path)
    night.baseline(3.0)
    for number in range(1, 201):
        night.propose(number)
        night.measure(number, "candidate", 4.0, output_tail=f"step {number} " * 20)
        night.discard(number, 4.0)
    night.ledger.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    return path.read_bytes()


def everything(path: Path) -> list[object]:
    """All records, in order."""
    reader = LedgerReader(path)
    try:
        return [*History(reader, "s").judged_after(-1)]
    finally:
        reader.close()


def test_an_undamaged_one_is_sound_and_loses_nothing(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(whole)
    assert is_sound(path)
    before = everything(path)
    found = salvage(path)
    assert (len(found.rows), found.untrue, found.missing) == (3 + 3 * 200, 0, 0)
    beside = replace_ledger(path, found.rows, "damaged")
    assert beside.read_bytes() == whole
    assert everything(path) == before
    ledger = Ledger.open(path)
    assert problems_of(ledger) == []
    ledger.close()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_is_overwritten_only_true_events_are_left(tmp_path: Path, whole: bytes, data: st.DataObject) -> None:
    path = tmp_path / "ledger.db"
    length = data.draw(st.sampled_from([1, 16, 512, 4096, 20_000]))
    at = data.draw(st.integers(0, len(whole) - length))
    noise = data.draw(st.binary(min_size=length, max_size=length) if length < 600 else st.just(b"\xa5" * length))
    path.write_bytes(whole[:at] + noise + whole[at + length :])
    found = salvage(path)
    path.write_bytes(whole)
    order = [row.hash for row in salvage(path).rows]
    places = [order.index(row.hash) for row in found.rows]
    assert places == sorted(places)
    # A page of 4 KiB holds up to nine events.
    assert len(found.rows) >= len(order) - 9 * (length / 4096 + 2)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(share=st.floats(0.1, 1))
def test_of_a_file_that_was_cut_off_the_beginning_is_left(tmp_path: Path, whole: bytes, share: float) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(whole[: int(share * len(whole))])
    found = salvage(path)
    assert len(found.rows) >= (share - 0.35) * 606  # The indices are in between.
