"""The server: its tools and resources, put together for one goal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations

import overnight
from overnight.mcp.reading import Reading
from overnight.mcp.working import Working

_INSTRUCTIONS = """\
Overnight improves the files that goal.md names: one change at a time, each measured the same way, kept only if it is
really better. You may be the one who proposes; a program measures, judges and remembers, and nothing that you say is a
result. Call `check_goal` once and `start_session` (with agent `submitted` if only you are to propose), then again and
again `brief` and `submit_experiment` with one idea, and learn from the verdict. Do not change the files yourself."""


def make_server(goal: Path) -> MCPServer[Any]:
    """The server for one goal file, which need not be there yet."""
    reading, working = Reading(goal), Working(goal)
    looks = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    works = ToolAnnotations(destructive_hint=False, idempotent_hint=True, open_world_hint=False)
    server: MCPServer[Any] = MCPServer(
        "overnight",
        title="Overnight",
        version=overnight.__version__,
        instructions=_INSTRUCTIONS,
        log_level="ERROR",
        tools=[
            _tool(working.check_goal, looks),
            _tool(working.start_session, works),
            _tool(reading.status, looks),
            _tool(reading.history, looks),
            _tool(reading.brief, looks),
            _tool(working.submit_experiment, works),
            _tool(reading.explain_decision, looks),
            _tool(working.pause, works),
            _tool(working.resume, works),
            _tool(working.stop, works),
            _tool(reading.report, works),
        ],
    )
    server.resource(
        "overnight://report", name="report", description="The report of the newest session.", mime_type="text/markdown"
    )(reading.report)
    server.resource(
        "overnight://experiments/{number}/diff",
        name="diff",
        description="What an experiment of the newest session changes, as a unified diff.",
        mime_type="text/x-diff",
    )(reading.diff)
    return server


def _tool(function: Any, annotations: ToolAnnotations) -> Tool:
    """A tool that takes what it names and nothing else: a metric that a caller states is refused, not passed over."""
    is_text = function.__annotations__["return"] == "str"
    tool = Tool.from_function(function, annotations=annotations, structured_output=False if is_text else None)
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters = arguments.model_json_schema(by_alias=True)
    tool.description = " ".join(tool.description.split())
    return tool
