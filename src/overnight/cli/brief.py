"""`overnight brief`: what the proposer would be told now."""

from __future__ import annotations

from typing import Annotated

import typer

from overnight.cli.places import GoalArgument, SessionOption, goal_file


def brief(
    goal: GoalArgument = None,
    session: SessionOption = None,
    review: Annotated[
        bool, typer.Option("--review", help="What it is told when it is asked what it has learned.")
    ] = False,
) -> None:
    """What the proposer would be told now, word for word."""
    from overnight.loop.briefing import brief_now

    told = brief_now(goal_file(goal), session)
    typer.echo(told.review_text() if review else told.text(), nl=False)
