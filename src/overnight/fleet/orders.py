"""What a session and its outposts tell each other: who they are, what is to be done, and what came of it.

All of it is plain data, since it travels to other machines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from overnight.fleet.slot import Task, Version
from overnight.goal.settings import Settings
from overnight.ledger.records import Measured
from overnight.runs.logs import guard_log
from overnight.version import VERSION


@dataclass(frozen=True)
class Charter:
    """What an outpost has to know of the session that it works for."""

    project: str
    """What the project's folder in the cache is called."""
    session: str
    settings: Settings
    prefix: str
    """goal.md's folder in the repository."""
    base: str
    """The baseline's commit."""
    tree: str
    """The base's tree: what `setup` made for it serves every session that begins with it."""
    sandboxed: bool
    slot: int = 0
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The variables that `score_env` names, as the user has them. They are never written down."""
    overnight: str = VERSION


@dataclass(frozen=True)
class Guards:
    """The goal's guards are to be tried on a version."""

    version: Version
    metrics: Mapping[str, float] | None
    """The version's own numbers, for guards that are limits."""
    slot: int
    """For whom."""

    @property
    def commits(self) -> tuple[str, ...]:
        """As in `Task`."""
        return (self.version.commit,)

    @property
    def log(self) -> str:
        """As in `Task`."""
        return guard_log(self.slot)


@dataclass(frozen=True)
class Audit:
    """The copies of a version are to be looked at, every file of them."""

    version: Version

    @property
    def commits(self) -> tuple[str, ...]:
        """As in `Task`."""
        return (self.version.commit,)

    @property
    def log(self) -> str:
        """As in `Task`; it prints nothing, so there is never such a file."""
        return "audit.log"


Order: TypeAlias = Task | Guards | Audit
"""One thing that an outpost is to do."""


@dataclass(frozen=True)
class Hello:
    """Who an outpost is."""

    machine: str
    machine_type: str
    known: tuple[str, ...]
    """The commits that it has."""
    overnight: str = VERSION


@dataclass(frozen=True)
class Answer:
    """What came of an order: exactly one of these, or nothing where there is nothing to say."""

    measured: Measured | None = None
    broken: str | None = None
    """The guard that does not hold."""
    stopped: bool = False
    """It was asked to stop."""
    problem: str | None = None
    """Why this machine could not do it."""
    is_mistake: bool = False
    """Whether that is a mistake in the set-up, rather than something that passes."""
    logs: Mapping[str, bytes] = field(default_factory=dict)
    """All that was printed, by the names of the files."""
