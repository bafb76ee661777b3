"""What the ledger holds: one small immutable record for everything that happened, in the order it happened."""

from __future__ import annotations

from typing import get_args

from overnight.ledger.records.base import NOTHING_USED, Usage
from overnight.ledger.records.experiments import (
    Carried,
    Deployed,
    Judged,
    Measured,
    Outcome,
    Proposed,
    Role,
    Settled,
    Verdict,
)
from overnight.ledger.records.sessions import Act, Resumed, Reviewed, SessionStarted, Steered, Stopped, Troubled
from overnight.ledger.records.verifications import Part, Verified, VerifiedEach

__all__ = [
    "NOTHING_USED",
    "RECORD_KINDS",
    "Act",
    "Carried",
    "Deployed",
    "Judged",
    "Measured",
    "Outcome",
    "Part",
    "Proposed",
    "Record",
    "Resumed",
    "Reviewed",
    "Role",
    "SessionStarted",
    "Settled",
    "Steered",
    "Stopped",
    "Troubled",
    "Usage",
    "Verdict",
    "Verified",
    "VerifiedEach",
]

Record = (
    SessionStarted
    | Resumed
    | Proposed
    | Carried
    | Measured
    | Judged
    | Deployed
    | Settled
    | Troubled
    | Reviewed
    | Steered
    | Stopped
    | Verified
    | VerifiedEach
)

RECORD_KINDS: dict[str, type[Record]] = {record.model_fields["kind"].default: record for record in get_args(Record)}
"""The records by the word that the ledger has for them."""
