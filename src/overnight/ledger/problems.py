"""What can be wrong with a ledger, in a person's words: for a while (Trouble), or until somebody does something."""

from __future__ import annotations

from overnight.errors import OvernightError, Trouble

VERSION = 6
"""1: one table, no version written down. 2: each event has a hash and a monotonic clock. 3: also `reviewed`.
4: also `steered`. 5: also `deployed`. 6: also `carried`; experiments may end in another order than they began."""

_DAMAGED = ("malformed", "not a database", "no such table", "does not exist")
_FOR_A_WHILE = (
    "locked",
    "busy",
    "i/o error",
    "unable to open",
    "connect",
    "server",
    "terminat",
    "timeout",
    "read-only",
)


def explain(name: str, cause: str) -> OvernightError:
    """What a database's words mean for the user, and what to do. `name` is the ledger's file or URL."""
    cause = " ".join(cause.split())
    words = cause.lower()
    if "full" in words or "no space" in words:
        return Trouble("disk", f"the disk that holds {name} is full; make room, nothing is lost")
    if any(word in words for word in _DAMAGED):
        return OvernightError(
            f"{name} is damaged or no Overnight ledger ({cause}); `overnight doctor` recovers what is true in it"
        )
    if "locked" in words:
        return Trouble("ledger", f"{name} is in use by another program that does not let go of it; close that program")
    if any(word in words for word in _FOR_A_WHILE):
        why = "; the disk may be full, or failing" if "i/o error" in words else ""
        return Trouble("ledger", f"{name} cannot be used now: {cause}{why}")
    return OvernightError(f"{name} cannot be used: {cause}")


class OtherVersionError(OvernightError):
    """The ledger is in order, but another Overnight's."""


def too_new(name: str, version: int) -> OtherVersionError:
    """What to say of a ledger that a later program wrote."""
    return OtherVersionError(
        f"{name} was written by a newer Overnight (ledger version {version}, this one knows {VERSION}); "
        "update Overnight, nothing was changed"
    )


def too_old(name: str) -> OtherVersionError:
    """What to say to someone who only wants to read a ledger that an earlier program wrote."""
    return OtherVersionError(
        f"{name} was written by an older Overnight; `overnight doctor` brings it up to date and keeps a copy of it"
    )
