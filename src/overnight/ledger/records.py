"""What the ledger holds: one small immutable record for everything that happened, in the order it happened."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from overnight.errors import TroubleKind

Verdict = Literal["baseline", "keep", "discard", "crash", "timeout", "invalid", "no_change"]
Outcome = Literal["ok", "crash", "timeout", "invalid"]
Act = Literal["pause", "resume", "finish", "take_back", "hint", "pin", "forbid", "withdraw", "approve", "reject"]
"""What a person may ask of a session: see `Steered`."""
Role = Literal[
    "baseline",
    "candidate",
    "incumbent",
    "verify_baseline",
    "verify_best",
    "verify_part",
    "verify_candidate",
    "verify_incumbent",
    "control",
]


class _Record(BaseModel):
    # A later version may have added fields: they are ignored, so that an old program reads a new ledger.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Usage(_Record):
    """What a proposer used up, as it reports it or, where it does not, as it is estimated."""

    cost: float | None = None
    """US dollars; None where nobody knows."""
    input_tokens: int | None = None
    """Read by the model, those read from a cache included."""
    output_tokens: int | None = None
    turns: int | None = None
    """How often the model was asked."""
    model: str = ""
    """Its name, as the provider spells it."""
    estimated: bool = False
    """Whether the tokens or the dollars were worked out by Overnight, and not reported."""

    @property
    def tokens(self) -> int:
        """All tokens together."""
        return (self.input_tokens or 0) + (self.output_tokens or 0)


NOTHING_USED = Usage()


class SessionStarted(_Record):
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


class Resumed(_Record):
    """A process took the session up (also the first one, right after `SessionStarted`)."""

    kind: Literal["resumed"] = "resumed"
    pid: int
    settings: dict[str, Any]
    """The settings this process goes by: what may change between restarts (agent, stop rules) may differ."""


class Proposed(Usage):
    """A proposer answered. From here on the experiment exists and will get a verdict, whatever happens."""

    kind: Literal["proposed"] = "proposed"
    number: int
    hypothesis: str
    proposer: str
    parent: str
    """The incumbent's commit."""
    commit: str | None = None
    """The candidate's commit; None when there is nothing to measure."""
    inside: tuple[int, ...] = ()
    """The kept experiments that the incumbent consists of, in the branch's order."""
    fingerprint: str | None = None
    """SHA-256 of the `edit` files' contents: two candidates are the same if and only if this is."""
    about: tuple[str, ...] = ()
    """The functions and names that it touches."""
    change: str | None = None
    """SHA-256 of what it adds and takes away, whatever its layout: two proposals with the same are the same idea."""
    origin: dict[str, Any] = Field(default_factory=dict)
    """What the proposer wants to remember about its idea."""
    verdict: Literal["invalid", "no_change"] | None = None
    """Set when the proposal is at its end already."""
    reason: str = ""
    output_tail: str = ""
    seconds: float = 0.0
    """What the proposal took."""
    again: bool = False
    """It takes the place of an earlier one of this number, which did not fit the incumbent any more."""
    request: str = ""
    """The name of the submission that it is; "" where a proposer of the session's own thought of it."""


class Carried(_Record):
    """Another version became the incumbent before a candidate was measured, or while it was: it was made anew on top of
    that, and is measured as what it is now."""

    kind: Literal["carried"] = "carried"
    number: int
    parent: str
    commit: str
    inside: tuple[int, ...]
    fingerprint: str
    """All as in `Proposed`."""

    def applied_to(self, proposed: Proposed) -> Proposed:
        """The proposal as it is from here on."""
        return proposed.model_copy(update=self.model_dump(exclude={"kind", "number"}))


class Measured(_Record):
    """One run ended and its metric was read."""

    kind: Literal["measured"] = "measured"
    number: int
    role: Role
    commit: str
    fingerprint: str
    """Which version was run (see `Proposed.fingerprint`)."""
    inside: tuple[int, ...] | None = None
    """The experiments whose changes that version held; None where nobody said."""
    seed: int
    outcome: Outcome
    value: float | None = None
    """The metric; None unless the outcome is `ok`."""
    trials: float | None = None
    """How many trials the metric is a rate of, where it was printed as `31/400`."""
    against: tuple[int, ...] | None = None
    """The experiments that the version held with which this one was compared, side by side; None without `compare`."""
    rival: float | None = None
    """That version's metric."""
    rival_trials: float | None = None
    rival_fingerprint: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    """Every number the run (and its scorer) printed, the metric included."""
    reason: str = ""
    """Why there is no metric, in one sentence."""
    exit_code: int | None = None
    signal: int | None = None
    wall_seconds: float = 0.0
    scoring_seconds: float = 0.0
    """How long the scorer took after the run."""
    cpu_seconds: float = 0.0
    peak_mb: float = 0.0
    """The largest resident memory of the whole process tree seen, in MiB."""
    slot: int = 0
    """Which of the session's slots made it."""
    machine: str = ""
    """The name of the machine that made it; "" for the session's own."""
    machine_type: str = ""
    """What kind of machine that is: only runs of one kind are compared; "" for the session's own."""
    cut_off: tuple[str, ...] = ()
    """Why earlier tries of this run did not count: somebody killed them, or the machine slept."""
    joules: float | None = None
    """What the machine's processors and graphics cards used up meanwhile; None where nothing counts it."""
    output: str | None = None
    """The file with what the run printed, relative to `.overnight/`."""
    output_tail: str = ""


class Judged(_Record):
    """The verdict: everything a reader of the history needs, so that no other record has to be joined.

    Later runs may change it, where the metric is noisy: the newest record of a number is the verdict that counts. The
    kept ones, in the order of these records, are the commits of the branch.
    """

    kind: Literal["judged"] = "judged"
    number: int
    verdict: Verdict
    reason: str
    hypothesis: str = ""
    proposer: str = ""
    metric: float | None = None
    """The metric with this change: as measured where it is exact, else as all runs together say; None when it was
    never measured."""
    metric_low: float | None = None
    metric_high: float | None = None
    """A 95 % interval of `metric` for a version that is or was the incumbent; None where nobody worked it out."""
    before: float | None = None
    """The same without it."""
    gain: float | None = None
    """How much better than the incumbent, in the metric's unit; positive is better, whatever the direction."""
    gain_low: float | None = None
    gain_high: float | None = None
    """A 95 % interval of the gain; equal to it where the metric is exact."""
    undecided: bool = False
    """Whether runs to come may still change the verdict."""
    evidence: dict[str, float] = Field(default_factory=dict)
    """What a noisy verdict stands on: `chance` to be an improvement, `runs` that held the change, the `noise` of one
    run, and what was known of ideas in general: the share of `good` ones and the `size` of effects."""
    flags: tuple[str, ...] = ()
    """What about it is suspicious and wants a human eye; kept only because it was better again on fresh seeds."""
    runs: int = 0
    """Runs spent on this experiment, the incumbent's included."""
    seconds: float = 0.0
    """From asking the proposer to the verdict."""
    commit: str | None = None
    """The candidate; for `keep`, its commit on the session's branch."""
    fingerprint: str | None = None
    """Which version that is (see `Proposed.fingerprint`)."""
    about: tuple[str, ...] = ()
    """See `Proposed.about`."""
    origin: dict[str, Any] = Field(default_factory=dict)
    peak_mb: float = 0.0
    output_tail: str = ""


class Deployed(_Record):
    """A live experiment was put before people, or taken back from them: written down before it is done."""

    kind: Literal["deployed"] = "deployed"
    number: int
    out: bool
    """Whether its candidate is out beside the incumbent from here on; else the incumbent is by itself."""
    incumbent: str = ""
    """The incumbent's fingerprint."""


class Settled(_Record):
    """These keeps are beyond doubt: they are in every version from now on and cannot be taken back."""

    kind: Literal["settled"] = "settled"
    numbers: tuple[int, ...]


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


class Steered(_Record):
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


class Stopped(_Record):
    """The process put the session down, on purpose."""

    kind: Literal["stopped"] = "stopped"
    finished: bool
    """True when a stop rule ended the session, False when a person did or when it could not go on."""
    failed: bool = False
    """It could not go on: somebody has to mend what `reason` says."""
    reason: str


class Verified(_Record):
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


class Part(BaseModel):
    """What one kept change adds to the whole, measured by leaving it out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: int
    gain: float | None
    """In the metric's unit, positive is better; None where it cannot be told apart from the others."""
    gain_low: float | None
    gain_high: float | None
    """Its 95 % interval."""


class VerifiedEach(_Record):
    """Each kept change was left out of some runs, on seeds that nobody had used."""

    kind: Literal["verified_each"] = "verified_each"
    best_commit: str
    command: str
    """The command that printed the metric."""
    runs: int
    parts: tuple[Part, ...]


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

RECORD_KINDS: dict[str, type[Record]] = {
    "session_started": SessionStarted,
    "resumed": Resumed,
    "proposed": Proposed,
    "carried": Carried,
    "measured": Measured,
    "judged": Judged,
    "deployed": Deployed,
    "settled": Settled,
    "troubled": Troubled,
    "reviewed": Reviewed,
    "steered": Steered,
    "stopped": Stopped,
    "verified": Verified,
    "verified_each": VerifiedEach,
}
