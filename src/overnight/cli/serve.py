"""`overnight serve`: the session in a browser, and the same beside `overnight run`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from overnight.cli.places import GoalArgument, SessionOption, folder_of, goal_file
from overnight.errors import OvernightError
from overnight.loop.state import State

if TYPE_CHECKING:
    from rich.console import Console

    from overnight.dashboard.serve import Dashboard

PortOption = Annotated[
    int | None,
    typer.Option("--port", min=1, max=65535, help="The port (default: 8712, or any that is free).", show_default=False),
]


def serve(goal: GoalArgument = None, session: SessionOption = None, port: PortOption = None) -> None:
    """Show the session live in a browser, and let you steer it. Ctrl-C ends it; the session goes on."""
    folder = folder_of(goal)
    if session is not None:
        from overnight.loop.reading import open_history

        with open_history(folder, session):
            pass  # A name that nobody knows is said now.
    elif not goal_file(goal).exists() and not State.of(folder).folder.exists():
        raise OvernightError(f"there is no goal.md in {folder}, and nothing was run there; is it the right folder?")
    dashboard = make_dashboard(folder, session, port)
    typer.echo(f"The dashboard is at {dashboard.url} (Ctrl-C ends it, not the session)")
    dashboard.run()


@contextlib.contextmanager
def beside(folder: Path, console: Console) -> Iterator[None]:
    """Show the session live while it runs here. A dashboard that cannot be had never stops a session."""
    dashboard = None
    try:
        dashboard = make_dashboard(folder, None, None)
        dashboard.start()
    except Exception as error:
        console.print(f"note: there is no dashboard: {error}", style="yellow", soft_wrap=True, markup=False)
    else:
        console.print(f"The dashboard is at {dashboard.url}", soft_wrap=True, markup=False)
    try:
        yield
    finally:
        if dashboard is not None:
            dashboard.stop()


def make_dashboard(folder: Path, session: str | None, port: int | None) -> Dashboard:
    """The dashboard, ready to run. Raises OvernightError if it cannot be had."""
    try:
        from overnight.dashboard.serve import Dashboard
    except ModuleNotFoundError as error:
        raise OvernightError(f"the dashboard needs the package {error.name!r}; install `overnight[serve]`") from None
    return Dashboard(State.of(folder), session, port)
