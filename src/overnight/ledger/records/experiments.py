"""What the ledger holds of one experiment: from the proposal to the verdict that counts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from overnight.ledger.records.base import LedgerRecord, Usage

Verdict = Literal["baseline", "keep", "discard", "crash", "timeout", "invalid", "no_change"]
Outcome = Literal["ok", "crash", "timeout", "invalid"]
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
    remakes: int | None = None
    """The experiment whose improvement it is to make again, on top of what was kept beside that (see
    `Judged.overtaken_by`)."""
    request: str = ""
    """The name of the submission that it is; "" where a proposer of the session's own thought of it."""


class Carried(LedgerRecord):
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


class Measured(LedgerRecord):
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


class Judged(LedgerRecord):
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
    overtaken_by: int | None = None
    """The experiment that was kept meanwhile, beside which this one cannot be, although it is an improvement by itself:
    to be made again on top of that."""
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


class Deployed(LedgerRecord):
    """A live experiment was put before people, or taken back from them: written down before it is done."""

    kind: Literal["deployed"] = "deployed"
    number: int
    out: bool
    """Whether its candidate is out beside the incumbent from here on; else the incumbent is by itself."""
    incumbent: str = ""
    """The incumbent's fingerprint."""


class Settled(LedgerRecord):
    """These keeps are beyond doubt: they are in every version from now on and cannot be taken back."""

    kind: Literal["settled"] = "settled"
    numbers: tuple[int, ...]
