"""`overnight approve` and `overnight reject`: a person's say before anybody else meets a live variant."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from overnight.cli.places import GoalArgument, folder_of
from overnight.cli.terminal import safe
from overnight.errors import OvernightError, SessionError
from overnight.ledger.records import Proposed

Number = Annotated[int, typer.Argument(help="The experiment that waits.", min=1)]


def approve(
    number: Number,
    goal: GoalArgument = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing, show nothing.")] = False,
) -> None:
    """Show the live variant that waits, ask, and let people meet it."""
    from overnight.loop.inbox import Request
    from overnight.loop.reading import open_history
    from overnight.loop.steering import ask, problem_with

    folder = folder_of(goal)
    with open_history(folder, None) as (history, state):
        if problem := problem_with(history, state, Request(act="approve", number=number)):
            raise SessionError(problem)
        proposed = history.proposed(number)
        if not yes and proposed is not None:
            _show(folder, proposed)
            if not _says_yes(f"\nShall people meet experiment {number}, beside the present version? [y/N] "):
                typer.echo(f"It waits on. `overnight reject {number}` turns it down.")
                return
        ask(history, state, Request(act="approve", number=number, session=history.session))
        when = "now" if state.holder() else "when `overnight run` goes on"
    typer.echo(f"Approved: experiment {number} goes out {when}.")


def reject(
    number: Number,
    why: Annotated[str, typer.Argument(help="The reason, for the record and the proposer.", show_default=False)] = "",
    goal: GoalArgument = None,
) -> None:
    """Turn the live variant that waits down: nobody ever meets it."""
    from overnight.loop.inbox import LONGEST_TEXT, Request
    from overnight.loop.reading import open_history
    from overnight.loop.steering import ask

    if len(why) > LONGEST_TEXT:
        raise OvernightError(f"the reason is longer than {LONGEST_TEXT} characters")
    with open_history(folder_of(goal), None) as (history, state):
        ask(history, state, Request(act="reject", number=number, text=why, session=history.session))
        when = "" if state.holder() else "; `overnight run` takes note of it when it goes on"
    typer.echo(f"Turned down: nobody meets experiment {number}{when}.")


def _show(folder: Path, proposed: Proposed) -> None:
    """What is to go out. Raises SessionError where git has it no longer."""
    from overnight.cli.reading import print_patch
    from overnight.loop.patches import candidate_patch
    from overnight.repo.git import Repository

    patch = candidate_patch(Repository.find(folder), proposed)
    if patch is None:
        raise SessionError(f"git no longer has experiment {proposed.number}, so nobody can look at it; turn it down")
    typer.echo(f"experiment {proposed.number}: {safe(proposed.hypothesis)}\n")
    print_patch(patch)
    typer.echo(f"\nThe whole of it: `git show {(proposed.commit or '')[:7]}:FILE`, or the dashboard.")


def _says_yes(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except (EOFError, UnicodeDecodeError):
        typer.echo()
        raise OvernightError("nobody has answered, so nobody meets it; `--yes` asks nothing") from None
