"""The history for other programs: karpathy/autoresearch's results.tsv, CSV, JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from typing import TextIO

from overnight.ledger.history import History
from overnight.ledger.records import Judged

FIELDS = (
    "number", "verdict", "hypothesis", "metric", "gain", "gain_low", "gain_high", "runs", "seconds", "commit", "reason",
    "before", "proposer", "peak_mb", "flags",
)  # fmt: skip
"""What `log --json` says of an experiment, in this order."""
_TSV_HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\n"


def as_row(judged: Judged) -> dict[str, object]:
    """One experiment as plain data."""
    return {name: getattr(judged, name) for name in FIELDS} | {"flags": "; ".join(judged.flags)}


def write_tsv(history: History, out: TextIO) -> None:
    """results.tsv as karpathy/autoresearch keeps it.

    Its header says `val_bpb` whatever the metric is, and it knows three words: what was never measured is a `crash`
    with the number 0 there, so it is here.
    """
    out.write(_TSV_HEADER)
    incumbent = ""
    for judged in history.judged_after(-1):
        kept = judged.verdict in ("keep", "baseline")
        commit = judged.commit or incumbent
        incumbent = commit if kept else incumbent
        measured = judged.metric is not None
        status = "keep" if kept else "discard" if measured else "crash"
        memory = judged.peak_mb / 1024 if measured else 0.0
        what = judged.hypothesis if judged.number else "baseline"
        words = " ".join((what or judged.reason).split())
        out.write(f"{commit[:7]}\t{judged.metric or 0.0:.6f}\t{memory:.1f}\t{status}\t{words}\n")


def write_csv(history: History, out: TextIO) -> None:
    """A line for each experiment, with a header."""
    writer = csv.DictWriter(out, FIELDS, lineterminator="\n")
    writer.writeheader()
    for judged in history.judged_after(-1):
        writer.writerow(as_row(judged))


def write_json(history: History, out: TextIO) -> None:
    """One JSON array of objects."""
    rows: Iterable[str] = (json.dumps(as_row(judged), ensure_ascii=False) for judged in history.judged_after(-1))
    out.write("[")
    for index, row in enumerate(rows):
        out.write(("," if index else "") + "\n  " + row)
    out.write("\n]\n")


WRITERS = {"tsv": write_tsv, "csv": write_csv, "json": write_json}
