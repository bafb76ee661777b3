"""What every coding agent is: how it is asked for one change without anybody there, and how its output is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from overnight.ledger.records import NOTHING_USED, Usage


@dataclass(frozen=True)
class Needs:
    """What an agent needs besides the project. A guest gets that and no more."""

    env: tuple[str, ...] = ()
    """Environment variables that are passed on if they are set."""
    config: tuple[str, ...] = ()
    """Files and folders below the user's home; copied into the guest's own before it starts."""
    network: bool = False
    settings: dict[str, str] = field(default_factory=dict)
    """Environment variables that are set for it: no updates, no telemetry, no colours."""


@dataclass(frozen=True)
class Asking:
    """One invocation."""

    prompt: Path
    """The file with what it is told; the same text comes on standard input."""
    edit: Sequence[str]
    """The files that it may change, relative to the folder it works in."""
    model: str | None = None
    """Which model it shall use; None: the one it is set up for."""
    confined: bool = True
    """Whether a sandbox keeps it in its room; if not, only its own permissions do."""
    resume: str | None = None
    """The agent's own name of the conversation to go on with; None for a new one."""


@dataclass(frozen=True)
class Answer:
    """What its own output says. What it changed is read off the disk, never from here."""

    text: str = ""
    """Its last words."""
    usage: Usage = NOTHING_USED
    conversation: str | None = None
    """Its own name of this conversation, where it can be gone on with."""
    complaint: str | None = None
    """What went wrong, in the words of its own error report."""
    adds_up: bool = False
    """Whether the usage is that of the whole conversation, earlier proposals included."""


class Agent(Protocol):
    """A coding agent. Each is a small class beside its siblings."""

    name: str
    """As it is given in goal.md."""
    program: str
    """What must be on the PATH."""
    needs: Needs
    install: str
    """The command that installs it."""
    login: str
    """What to do so that it may use a model: "run `claude` once and log in, or set ANTHROPIC_API_KEY"."""
    oldest: str
    """The oldest version that is known to work, such as `2.1`; "" where any does."""

    def command(self, asking: Asking) -> str:
        """The shell command of one invocation, run in the folder of the project."""
        ...

    def read(self, printed: str) -> Answer:
        """What its standard output says. Must not raise, whatever is printed."""
        ...
