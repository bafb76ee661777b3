"""`overnight mcp`: the server through which an assistant proposes and asks."""

from __future__ import annotations

from typing import Annotated

import typer

from overnight.cli.places import GoalArgument, goal_file
from overnight.errors import OvernightError


def mcp(
    goal: GoalArgument = None,
    http: Annotated[bool, typer.Option("--http", help="Over HTTP, on this machine only, and not over stdio.")] = False,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="With --http: the port (default: 8713, or any that is free).", show_default=False
        ),
    ] = None,
) -> None:
    """Let an assistant check the goal, start a session, hand in changes and read what came of them (MCP)."""
    path = goal_file(goal)
    if not path.parent.is_dir():
        raise OvernightError(f"there is no folder {path.parent}; name the one that goal.md lies in, or shall lie in")
    if port is not None and not http:
        raise OvernightError("--port is about --http; over stdio there is none")
    try:
        if http:
            from overnight.mcp.serving import HttpServer
        else:
            from overnight.mcp.server import make_server
    except ModuleNotFoundError as error:
        raise OvernightError(f"the MCP server needs the package {error.name!r}; install `overnight[mcp]`") from None
    if not http:
        make_server(path).run()
        return
    server = HttpServer(path, port)
    typer.echo(f"The MCP server is at {server.url} (Ctrl-C ends it, not the session)")
    server.run()
