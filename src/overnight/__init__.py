"""Overnight: the loop that improves your work while you sleep.

`from overnight import Goal, Session` works on sessions as the command line does, with the same ledger. docs/library.md
shows how, and how to bring proposers, judges and fleets of your own.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from overnight.version import VERSION

if TYPE_CHECKING:
    from overnight.errors import GoalError, Interrupted, OvernightError, SessionError, Trouble
    from overnight.fleet.custom import FleetPlan
    from overnight.fleet.slot import Slot, Task, Version
    from overnight.goal.document import Goal
    from overnight.goal.settings import Settings
    from overnight.judge.custom import CustomJudge, Ruling
    from overnight.ledger.records import Judged, Measured, Proposed, Usage, Verified
    from overnight.loop.events import (
        ApprovalAwaited,
        ExperimentJudged,
        GuardsStarted,
        NothingProposed,
        Notice,
        PersonAsked,
        ProposalFinished,
        ProposalStarted,
        Review,
        ReviewStarted,
        RunFinished,
        RunStarted,
        SessionClosed,
        SessionEvent,
        SessionOpened,
        StoodInLine,
        TrialLooked,
        VerdictChanged,
        Waiting,
    )
    from overnight.loop.recovery import AlreadyFinished
    from overnight.loop.session import Session
    from overnight.morning.summary import Summary
    from overnight.propose.brief import Brief
    from overnight.propose.proposer import Proposal, Proposer

__version__ = VERSION
__all__ = [
    "AlreadyFinished",
    "ApprovalAwaited",
    "Brief",
    "CustomJudge",
    "ExperimentJudged",
    "FleetPlan",
    "Goal",
    "GoalError",
    "GuardsStarted",
    "Interrupted",
    "Judged",
    "Measured",
    "NothingProposed",
    "Notice",
    "OvernightError",
    "PersonAsked",
    "Proposal",
    "ProposalFinished",
    "ProposalStarted",
    "Proposed",
    "Proposer",
    "Review",
    "ReviewStarted",
    "Ruling",
    "RunFinished",
    "RunStarted",
    "Session",
    "SessionClosed",
    "SessionError",
    "SessionEvent",
    "SessionOpened",
    "Settings",
    "Slot",
    "StoodInLine",
    "Summary",
    "Task",
    "TrialLooked",
    "Trouble",
    "Usage",
    "VerdictChanged",
    "Verified",
    "Version",
    "Waiting",
    "__version__",
]

_HOMES = {
    "errors": ("GoalError", "Interrupted", "OvernightError", "SessionError", "Trouble"),
    "fleet.custom": ("FleetPlan",),
    "fleet.slot": ("Slot", "Task", "Version"),
    "goal.document": ("Goal",),
    "goal.settings": ("Settings",),
    "judge.custom": ("CustomJudge", "Ruling"),
    "ledger.records": ("Judged", "Measured", "Proposed", "Usage", "Verified"),
    "loop.recovery": ("AlreadyFinished",),
    "loop.session": ("Session",),
    "morning.summary": ("Summary",),
    "propose.brief": ("Brief",),
    "propose.proposer": ("Proposal", "Proposer"),
}
_EVENTS = "loop.events"
"""Where all others are."""


def __getattr__(name: str) -> Any:
    # Loaded when asked for, so that `overnight status` does not wait for what only a session needs.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((home for home, names in _HOMES.items() if name in names), _EVENTS)
    return getattr(importlib.import_module(f"overnight.{home}"), name)


def __dir__() -> list[str]:
    return __all__
