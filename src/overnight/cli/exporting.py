"""`overnight export --to`: a session into MLflow, TensorBoard or Weights & Biases."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Literal

import typer

from overnight.errors import GoalError, OvernightError
from overnight.loop.reading import open_history


def send(
    to: Literal["mlflow", "tensorboard", "wandb"], goal: Path, session: str | None, output: Path | None, uri: str | None
) -> None:
    """Send a session of the goal in the file `goal`, and say where it is now."""
    from overnight.loop.patches import candidate_patch
    from overnight.morning.tools.tracked import TrackedSession, tracked
    from overnight.repo.git import Repository

    if uri is not None and to != "mlflow":
        raise OvernightError(f"--uri is MLflow's; {to} writes into the folder that --output names")
    if output is not None and to == "mlflow":
        raise OvernightError("MLflow is a server, so --output is not for it; name the server by --uri")
    with open_history(goal.parent, session) as (history, state):
        known = TrackedSession.of(history, goal.parent.name)
        repository = Repository.find(goal.parent)
        experiments = tracked(history, known, lambda proposed: candidate_patch(repository, proposed) or "")
        folder = (output or state.session_folder(history.session) / to).absolute()
        if to == "mlflow":
            from overnight.morning.tools.mlflow import MlflowSession

            place = os.path.expandvars(uri or os.environ.get("MLFLOW_TRACKING_URI") or _of_goal(goal))
            changed = MlflowSession(place, known).send(experiments)
            typer.echo(f"MLflow has the session as {known.name}: {changed} new or changed.")
        elif to == "tensorboard":
            from overnight.morning.tools.tensorboard import write_tensorboard

            count = write_tensorboard(folder, known, experiments)
            typer.echo(f"{count} experiments are in {folder}. Look: tensorboard --logdir {shlex.quote(str(folder))}")
        else:
            from overnight.morning.tools.wandb import write_wandb

            changed, is_offline = write_wandb(folder, known, experiments)
            where = f"in {folder / 'wandb'}" if is_offline else "at Weights & Biases"
            typer.echo(f"The session is {where}, as the group {known.name}: {changed} new or changed.")
            if is_offline:
                typer.echo(
                    f"Send it, once you are logged in: wandb sync {shlex.quote(str(folder))}/wandb/offline-run-*"
                )


def _of_goal(goal: Path) -> str:
    from overnight.goal.document import Goal

    try:
        place = Goal.read(goal).settings.mlflow
    except GoalError:
        place = None
    if place is None:
        raise OvernightError(
            "nothing says where MLflow is; name its server by --uri, by MLFLOW_TRACKING_URI, or by `mlflow:` in goal.md"
        )
    return place
