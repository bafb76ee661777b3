"""`overnight doctor`: is all that the morning stands on still there, and still what it was?"""

from __future__ import annotations

from typing import Annotated

import typer

from overnight.cli.places import GoalArgument, goal_file
from overnight.cli.terminal import safe
from overnight.errors import OvernightError


def doctor(
    goal: GoalArgument = None,
    look: Annotated[bool, typer.Option("--look", help="Only look; mend nothing.")] = False,
) -> None:
    """Check the ledger, the refs, the branch and the patches against each other, and mend what can be mended."""
    from overnight.goal.document import Goal
    from overnight.loop.doctor import Doctor

    states = []
    for finding in Doctor(Goal.read(goal_file(goal)), mends=not look).examine():
        states.append(finding.state)
        typer.echo(f"{finding.state + ':':<17}{safe(finding.words)}")
    if "mended" in states:
        typer.echo("Nothing that was true is lost.")
    elif any(state in ("wrong", "could be mended") for state in states):
        raise OvernightError("not all is as it should be; see above")
