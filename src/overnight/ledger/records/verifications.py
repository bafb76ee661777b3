"""What the ledger holds of a session that was measured again."""

from __future__ import annotations

from typing import Literal

from overnight.ledger.records.base import LedgerRecord


class Verified(LedgerRecord):
    """The baseline and the best version were measured again, on seeds that nobody had used."""

    kind: Literal["verified"] = "verified"
    baseline_commit: str
    best_commit: str
    command: str
    """The command that printed the metric."""
    baseline: float
    best: float
    pairs: int
    percent: float | None
    """Improvement in percent of the baseline; positive is better. None where the baseline is 0."""
    percent_low: float | None
    percent_high: float | None
    """Its 95 % interval."""


class Part(LedgerRecord):
    """What one kept change adds to the whole, measured by leaving it out."""

    number: int
    gain: float | None
    """In the metric's unit, positive is better; None where it cannot be told apart from the others."""
    gain_low: float | None
    gain_high: float | None
    """Its 95 % interval."""


class VerifiedEach(LedgerRecord):
    """Each kept change was left out of some runs, on seeds that nobody had used."""

    kind: Literal["verified_each"] = "verified_each"
    best_commit: str
    command: str
    """The command that printed the metric."""
    runs: int
    parts: tuple[Part, ...]
