"""The files with what is printed in a session, in its folder `.overnight/sessions/NAME/logs`: what they are called."""

from __future__ import annotations

from pathlib import Path

from overnight.ledger.records import Role


def run_log(number: int, role: Role, seed: int) -> str:
    """What one run prints."""
    return f"{number}-{role}-{seed}.log"


def score_log(run: Path) -> Path:
    """What the scorer prints after the run that prints to `run`."""
    return run.with_suffix(".score.log")


def guard_log(slot: int) -> str:
    """What the guards print that were tried last in a slot."""
    return f"guard-{slot}.log"


def agent_log(number: int) -> str:
    """What an agent prints while it proposes experiment `number`."""
    return f"{number}.agent.log"


def review_log(number: int) -> str:
    """What an agent prints while it looks back, before experiment `number`."""
    return f"{number}.review.log"


def place_in_state(log: Path) -> str:
    """Where such a file is relative to `.overnight/`, as the ledger has it."""
    return str(log.relative_to(log.parents[3]))
