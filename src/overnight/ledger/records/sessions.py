"""What the ledger holds of a session as a whole: how it began and ended, and what came between experiments."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from overnight.errors import TroubleKind
from overnight.ledger.records.base import LedgerRecord, Usage

Act = Literal["pause", "resume", "finish", "take_back", "hint", "pin", "forbid", "withdraw", "approve", "reject"]
"""What a person may ask of a session: see `Steered`."""


class SessionStarted(LedgerRecord):
    """A session begins: all that must stay the same until it ends."""

    kind: Literal["session_started"] = "session_started"
    goal: str
    """goal.md as it was read, word for word."""
    goal_file: str = "goal.md"
    """Its name: one folder may hold several goals, each with sessions of its own."""
    settings: dict[str, Any]
    """`Settings` as JSON, with `--agent` and the like already applied."""
    base: str
    """The commit that the session starts from (40 hex digits)."""
    folder: str
    """goal.md's folder, relative to the repository's root ("" for the root itself)."""
    seed: int
    version: str
    rebuilt: bool = False
    """It was put together from what git remembers, after a ledger was lost: to be read, not to be gone on with."""
    home: str = ""
    """Which folder's session it is, in a ledger that many share; "" in a folder's own."""
    sandbox: str = ""
    """What keeps guests in their rooms: `bubblewrap`, `sandbox-exec` or `none`; "" where nobody was asked yet."""
    world: dict[str, str] = Field(default_factory=dict)
    """SHA-256 of what runs use and git does not track, by its name in words."""


class Resumed(LedgerRecord):
    """A process took the session up (also the first one, right after `SessionStarted`)."""

    kind: Literal["resumed"] = "resumed"
    pid: int
    settings: dict[str, Any]
    """The settings this process goes by: what may change between restarts (agent, stop rules) may differ."""


class Troubled(Usage):
    """Something outside of the experiments was wrong for a while, and the session waited."""

    kind: Literal["troubled"] = "troubled"
    what: TroubleKind
    reason: str
    number: int | None = None
    """The experiment that had to wait or was done again; None where it was none in particular."""
    pause: float = 0.0
    """Seconds until the next try."""


class Reviewed(Usage):
    """A proposer looked back and wrote down what it has learned, for the briefs to come and for the morning."""

    kind: Literal["reviewed"] = "reviewed"
    number: int
    """The newest experiment that it knew of."""
    proposer: str
    text: str
    """In Markdown; "" where it could not be had."""
    reason: str = ""
    """Why not."""
    seconds: float = 0.0


class Steered(LedgerRecord):
    """A person has said what is to happen, and the session has taken note of it.

    `pause` and `resume` are about this process. `finish` puts the session down after the experiment that is under way;
    where people decide, at once: that one may take weeks, and goes on next time.
    `take_back` undoes a keep. `hint` stands in the next brief, `pin` and `forbid` in each until they are withdrawn.
    `approve` lets a live variant go out to people, `reject` turns it down before anybody has met it.
    """

    kind: Literal["steered"] = "steered"
    request: str
    """Its own name: what is asked for twice with one name is done once."""
    act: Act
    number: int | None = None
    """The experiment that it is about."""
    text: str = ""
    """What the person wrote; for `withdraw` the name of the request that is withdrawn."""
    refused: str = ""
    """Why it could not be done; "" where it was."""


class Stopped(LedgerRecord):
    """The process put the session down, on purpose."""

    kind: Literal["stopped"] = "stopped"
    finished: bool
    """True when a stop rule ended the session, False when a person did or when it could not go on."""
    failed: bool = False
    """It could not go on: somebody has to mend what `reason` says."""
    reason: str
