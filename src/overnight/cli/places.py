"""Which folder and which goal a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from overnight.errors import OvernightError

GoalArgument = Annotated[
    Path | None, typer.Argument(help="The goal file, or its folder (default: ./goal.md).", show_default=False)
]
SessionOption = Annotated[str | None, typer.Option("--session", help="Which session (default: the newest).")]
SlotsOption = Annotated[
    str | None, typer.Option("--slots", help="Runs at a time: a number, or auto (default: what goal.md says, or 1).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]


def goal_file(goal: Path | None) -> Path:
    """The goal file that was meant."""
    path = (goal or Path("goal.md")).absolute()
    return path / "goal.md" if path.is_dir() else path


def folder_of(goal: Path | None) -> Path:
    """The folder of the goal that was meant; it need not hold a goal file any more."""
    return goal_file(goal).parent


def slots_of(text: str | None) -> int | Literal["auto"] | None:
    """What `--slots` says. Raises OvernightError where that is nothing of the kind."""
    if text is None:
        return None
    if text == "auto":
        return "auto"
    if not text.isdecimal():
        raise OvernightError(f"--slots is a number of runs at a time, or `auto`, not {text!r}")
    return int(text)
