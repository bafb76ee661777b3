"""What every slot is: a place where one run at a time is made, on this machine or on another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from overnight.ledger.records import Judged, Measured, Proposed, Role
from overnight.runs.logs import run_log
from overnight.runs.redact import redact


@dataclass(frozen=True)
class Version:
    """What is measured: a commit, and the fingerprint of the files in it that may differ."""

    commit: str
    fingerprint: str

    @classmethod
    def of(cls, record: Proposed | Judged, base: str = "") -> Version:
        """The version that a proposal or a verdict speaks of; `base` is its commit where none is named."""
        return cls(record.commit or base, record.fingerprint or "")


@dataclass(frozen=True)
class Task:
    """One run that is to be made."""

    version: Version
    """What is run."""
    number: int
    """The experiment that it is for."""
    role: Role
    """What the run tells of that experiment."""
    seed: int
    rival: Version | None = None
    """What the version is compared with, where the goal has `compare`."""
    measured_by: str | None = None
    """A command that takes the place of the goal's scorer, or of its comparison; None: these."""

    @property
    def commits(self) -> tuple[str, ...]:
        """What git must have for it."""
        return (self.version.commit, *((self.rival.commit,) if self.rival else ()))

    @property
    def log(self) -> str:
        """The name of the file with what the run prints."""
        return run_log(self.number, self.role, self.seed)


def as_asked(measured: Measured, task: Task, slot: int) -> Measured:
    """A run that was made elsewhere: what was asked for is known here, and it says only what came of it."""
    version, rival = task.version, task.rival
    asked = {"number": task.number, "role": task.role, "seed": task.seed, "slot": slot, "commit": version.commit}
    prints = {"fingerprint": version.fingerprint, "rival_fingerprint": rival.fingerprint if rival else None}
    told = {"reason": redact(measured.reason), "output_tail": redact(measured.output_tail)}
    return measured.model_copy(update={**asked, **prints, **told})


class Slot(Protocol):
    """Makes runs, one at a time, each in a thread of the slot's own; none of it knows what other slots do.

    A fleet of your own returns its slots from a function (see `FleetPlan`). The task is written into the
    record whatever the slot says of it, so that only what came of the run is its own: the outcome, the metric
    (`value`), all numbers that were printed (`metrics`), seconds, MiB.
    """

    number: int
    """Its place among the session's slots, from 0."""

    def measure(self, task: Task) -> Measured:
        """Make one run and read its metric.

        Raises Interrupted when asked to stop, Trouble when something outside is wrong.
        """
        ...

    def broken_guard(self, version: Version, metrics: Mapping[str, float] | None) -> str | None:
        """The first of the goal's guards that does not hold for `version`, in words; None when all do.

        `metrics` are the version's own numbers, for guards that are limits (`peak_mb < 4000`); None where it was not
        measured, so that only commands are tried.
        """
        ...

    def audit(self, version: Version) -> None:
        """Make sure that the slot's copies hold what git says, looking at every file: before anything is kept."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...
