"""The history for other programs, byte by byte."""

from __future__ import annotations

import csv
import io
import json

import pytest

from overnight.ledger.records import Verdict
from overnight.morning.export import FIELDS, as_row, write_csv, write_json, write_tsv
from tests.night import Night, sha


@pytest.fixture
def full(night: Night) -> Night:
    """One of each verdict."""
    night.judge(0, "baseline", metric=0.9979, commit="a" * 40, hypothesis="the baseline", peak_mb=45060.2)
    night.judge(1, "keep", metric=0.9932, commit="b" * 40, hypothesis="increase LR\tto 0.04\n", peak_mb=1024.0)
    night.judge(2, "discard", metric=1.005, commit="c" * 40, hypothesis="switch to GeLU")
    night.judge(3, "crash", commit="d" * 40, hypothesis="double the width", reason="out of memory")
    night.judge(4, "invalid", commit=None, hypothesis="", reason="it changed prepare.py")
    return night


def test_results_tsv_is_karpathys(full: Night) -> None:
    out = io.StringIO()
    write_tsv(full.history, out)
    assert out.getvalue() == (
        "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"
        "aaaaaaa\t0.997900\t44.0\tkeep\tbaseline\n"
        "bbbbbbb\t0.993200\t1.0\tkeep\tincrease LR to 0.04\n"
        "ccccccc\t1.005000\t0.0\tdiscard\tswitch to GeLU\n"
        "ddddddd\t0.000000\t0.0\tcrash\tdouble the width\n"
        "bbbbbbb\t0.000000\t0.0\tcrash\tit changed prepare.py\n"
    )


def test_csv_and_json_say_the_same(full: Night) -> None:
    table, array = io.StringIO(), io.StringIO()
    write_csv(full.history, table)
    write_json(full.history, array)
    rows = list(csv.DictReader(io.StringIO(table.getvalue())))
    objects = json.loads(array.getvalue())
    assert [*rows[0]] == [*objects[0]] == list(FIELDS)
    for row, thing in zip(rows, objects, strict=True):
        assert row == {name: "" if value is None else str(value) for name, value in thing.items()}


@pytest.mark.parametrize("write", [write_tsv, write_csv, write_json])
def test_an_empty_history(night: Night, write: object) -> None:
    out = io.StringIO()
    write(night.history, out)  # type: ignore[operator]
    assert out.getvalue().count("\n") <= 2


@pytest.mark.parametrize("verdict", ["timeout", "no_change"])
def test_what_was_never_measured_is_a_crash_there(night: Night, verdict: Verdict) -> None:
    night.judge(1, verdict, commit=sha(1), hypothesis="x")
    out = io.StringIO()
    write_tsv(night.history, out)
    assert out.getvalue().splitlines()[1].split("\t")[3] == "crash"


def test_a_row_has_what_the_contract_promises(full: Night) -> None:
    judged = full.history.judged_number(1)
    assert judged is not None
    assert {
        "number", "verdict", "hypothesis", "metric", "gain", "gain_low", "gain_high", "runs", "seconds", "commit",
        "reason",
    } <= as_row(judged).keys()  # fmt: skip
