"""What a session tells whoever watches it, as it happens. Only news: everything that must last is in the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from overnight.errors import TroubleKind
from overnight.goal.settings import Settings
from overnight.ledger.records import Judged, Measured, Proposed, Reviewed, Role, Steered, Verdict


@dataclass(frozen=True)
class SessionOpened:
    """The session began, or goes on."""

    session: str
    settings: Settings
    base: str
    resumed_after: int | None
    """How many experiments it has already; None for a new session."""
    warnings: tuple[str, ...] = ()
    sandbox: str = "none"


@dataclass(frozen=True)
class ProposalStarted:
    """The proposer was asked."""

    number: int
    proposer: str


@dataclass(frozen=True)
class RunStarted:
    """A run begins."""

    number: int
    role: Role
    seed: int
    hypothesis: str
    limit: float
    """Seconds until it is ended by force."""
    slot: int = 0
    """Where it is made."""


@dataclass(frozen=True)
class GuardsStarted:
    """The candidate has won; the goal's guards are tried before it is kept."""

    number: int
    slot: int = 0
    """Where they are tried."""


@dataclass(frozen=True)
class ApprovalAwaited:
    """A live variant is ready to go out; nobody meets it before a person has said yes."""

    proposed: Proposed


@dataclass(frozen=True)
class NothingProposed:
    """The proposer has nothing left to try."""

    number: int


@dataclass(frozen=True)
class TrialLooked:
    """A live variant is out, and what people have done so far was read."""

    measured: Measured
    hypothesis: str
    since: float
    """When it went out: Unix time, seconds."""
    next_look: float
    """Seconds from now."""


@dataclass(frozen=True)
class SessionClosed:
    """The session was put down."""

    finished: bool
    """A stop rule ended it; otherwise somebody interrupted it, or it could not go on."""
    reason: str
    failed: bool = False
    """It could not go on."""


@dataclass(frozen=True)
class Waiting:
    """Something outside is wrong for now; the session waits and goes on by itself."""

    what: TroubleKind
    reason: str
    seconds: float
    """Until the next try."""


@dataclass(frozen=True)
class Notice:
    """Something that a person should know of."""

    words: str


@dataclass(frozen=True)
class StoodInLine:
    """An experiment has won, and leaves its slot until those have their verdicts that it stands on."""

    number: int


@dataclass(frozen=True)
class ExperimentJudged:
    """An experiment has its verdict (number 0: the baseline is known)."""

    judged: Judged


@dataclass(frozen=True)
class RunFinished:
    """A run ended and was written down."""

    measured: Measured


@dataclass(frozen=True)
class ProposalFinished:
    """The proposer answered, and that was written down."""

    proposed: Proposed


@dataclass(frozen=True)
class VerdictChanged:
    """Later runs have turned a verdict: a keep is taken back, or an idea that was left open is kept after all."""

    judged: Judged
    was: Verdict


@dataclass(frozen=True)
class ReviewStarted:
    """The proposer was asked what it has learned from the experiments up to `number`."""

    number: int
    proposer: str


@dataclass(frozen=True)
class Review:
    """It answered, or could not, and that was written down."""

    reviewed: Reviewed


@dataclass(frozen=True)
class PersonAsked:
    """A person has asked for something, and that was carried out or refused, and written down."""

    steered: Steered


SessionEvent = (
    SessionOpened
    | ProposalStarted
    | ProposalFinished
    | NothingProposed
    | RunStarted
    | RunFinished
    | GuardsStarted
    | ApprovalAwaited
    | TrialLooked
    | StoodInLine
    | ExperimentJudged
    | VerdictChanged
    | ReviewStarted
    | Review
    | PersonAsked
    | Waiting
    | Notice
    | SessionClosed
)


def is_progress(event: SessionEvent) -> bool:
    """Whether something was done that the session is about; a trouble before it is over then."""
    if isinstance(event, RunFinished):
        return event.measured.role != "control"
    return isinstance(event, ProposalFinished | ExperimentJudged)
