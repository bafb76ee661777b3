"""What every proposer is: something that reads a brief and answers with changed files and a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from overnight.ledger.records import NOTHING_USED, Usage
from overnight.propose.brief import Brief


@dataclass(frozen=True)
class Proposal:
    """One idea. Nothing in it is trusted: the loop checks the files and measures the rest itself."""

    files: Mapping[str, bytes | None]
    """New contents of the changed `edit` files by path (POSIX, relative to goal.md's folder); None deletes one."""
    hypothesis: str = ""
    """Why it should help, in one line."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """JSON the proposer wants back with the verdict, to learn from; nobody else reads it."""
    trespasses: tuple[str, ...] = ()
    """Paths outside `edit` that the proposer changed; any of them makes the experiment invalid."""
    denied: str = ""
    """What the proposer was kept from writing, in the words of what it printed."""
    failure: str | None = None
    """Why there is no proposal (the agent crashed, ran out of time, found nothing more to try), if so."""
    unavailable: str | None = None
    """Why the proposer could not be asked (its model is down, somebody killed it): to be tried again later."""
    retry_after: float | None = None
    """Seconds after which it asks to be tried again."""
    usage: Usage = NOTHING_USED
    """What it cost in money and tokens."""
    output: str = ""
    """The last lines the proposer printed, for the history."""
    proposer: str = ""
    """Whose it is, where several take turns."""
    in_vain: tuple[Proposal, ...] = ()
    """Of those who were asked before and could not be had."""
    knows_the_past: bool = False
    """It looked up what was tried before: the same change again, on another incumbent, is no oversight."""
    request: str = ""
    """The name of the submission that this is, if it is one."""
    exhausted: bool = False
    """The proposer has nothing left to try from this incumbent: the session ends cleanly."""


class Proposer(Protocol):
    """Whoever suggests changes: a coding agent, a model, the built-in search, or a class of your own.

    Yours is named as an entry point in the group `overnight.proposers`, is made without arguments, and has to say what
    `propose` does; a class that inherits from this one has the rest already. Several of it may be made, each used by a
    thread of its own.
    """

    name: str = ""
    """What the history calls it; of one of your own, the name of its entry point counts."""

    def propose(self, brief: Brief) -> Proposal:
        """Suggest one change to the incumbent, whose files are in the brief.

        Should not raise for anything the outside world does, but say `unavailable`, so that it is asked again later.
        """
        ...

    @property
    def reviews(self) -> bool:
        """Whether it can say in words what it has learned."""
        return False

    def review(self, brief: Brief) -> Proposal:
        """Say it, in `output`; only where `reviews`. Changes nothing."""
        return Proposal({}, failure="it does not look back")

    def close(self) -> None:
        """Give back what was held (folders, processes)."""
        return  # Type checkers take a method without a body for one that is still to be written.
