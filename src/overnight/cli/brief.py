"""`overnight brief`: what the proposer would be told now."""

from __future__ import annotations

import statistics
from typing import Annotated

import typer

from overnight.cli.places import GoalArgument, SessionOption, goal_file
from overnight.errors import SessionError
from overnight.goal.document import Goal
from overnight.goal.settings import Settings
from overnight.ledger.history import History
from overnight.loop.reading import open_history


def brief(
    goal: GoalArgument = None,
    session: SessionOption = None,
    review: Annotated[
        bool, typer.Option("--review", help="What it is told when it is asked what it has learned.")
    ] = False,
) -> None:
    """What the proposer would be told now, word for word."""
    from overnight.loop.assemble import Project, make_brief

    path = goal_file(goal)
    with open_history(path.parent, session) as (history, _):
        incumbent = history.incumbent()
        if incumbent is None:
            raise SessionError("the baseline is not measured yet, so there is nothing to tell; `overnight run` does it")
        project = Project.of(Goal.read(path), history.started().base)
        settings = Settings.model_validate(history.settings_now())
        told = make_brief(
            project,
            settings,
            history,
            history.last_number() + 1,
            incumbent,
            _noise(history),
            [proposed for proposed in history.undecided() if proposed.commit],
        )
        typer.echo(told.review_text() if review else told.text(), nl=False)


def _noise(history: History) -> float:
    """That of one run, as the newest verdict knows it, or else as the baseline's runs show it."""
    for judged in reversed(history.judged_last(20)):
        if "noise" in judged.evidence:
            return judged.evidence["noise"]
    values = [run.value for run in history.baseline_runs() if run.value is not None]
    return statistics.stdev(values) if len(values) > 1 else 0.0
