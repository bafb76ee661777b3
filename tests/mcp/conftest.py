"""The server as clients meet it: the SDK's own client, over stdio and over HTTP, and a goal with a gate in its runs."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mcp_types import TextContent

from mcp import Client, StdioServerParameters
from overnight.loop.state import State
from overnight.mcp.server import make_server
from tests.system.conftest import GOAL, OVERNIGHT, Project

COMMAND = [sys.executable, "-P", *OVERNIGHT[1:], "mcp"]
_ENV = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
# A version whose gate is shut runs until somebody opens it, so that no test has to hurry.
SOLVE = """import os, time
GATE = "open"
print("nothing to see here")
KNOB = 10
while GATE == "shut" and not os.path.exists(os.environ["OVERNIGHT_ARTIFACTS"] + "/open"):
    time.sleep(0.02)
print("loss:", abs(KNOB - 37))
"""


def knob(new: object, old: int = 10, path: str = "solve.py") -> str:
    """A patch of one line."""
    return f'--- a/{path}\n+++ b/{path}\n@@ -3,2 +3,2 @@\n print("nothing to see here")\n-KNOB = {old}\n+KNOB = {new}\n'


SHUT = '--- a/solve.py\n+++ b/solve.py\n@@ -2 +2 @@\n-GATE = "open"\n+GATE = "shut"\n'


@dataclass
class Assistant:
    """A client, and what it is told of progress."""

    client: Client
    project: Project
    progress: list[str] = field(default_factory=list)
    opens: bool = True
    """Whether the gate is opened once it is said that something is measured."""

    async def ask(self, tool: str, **arguments: Any) -> Any:
        """What a tool answers that must succeed: its data, or its text."""
        result = await self.client.call_tool(tool, arguments, progress_callback=self._hear)
        (content,) = result.content
        assert isinstance(content, TextContent)
        assert not result.is_error, content.text
        if result.structured_content is None:
            return content.text
        assert json.loads(content.text) == result.structured_content
        return result.structured_content

    async def refused(self, tool: str, **arguments: Any) -> str:
        """What a tool says that must refuse."""
        result = await self.client.call_tool(tool, arguments)
        (content,) = result.content
        assert isinstance(content, TextContent)
        assert result.is_error, content.text
        return content.text.removeprefix(f"Error executing tool {tool}: ")

    async def read(self, uri: str) -> str:
        """A resource that must be there."""
        (content,) = (await self.client.read_resource(uri)).contents
        return str(getattr(content, "text", None))

    async def _hear(self, _progress: float, _total: float | None, message: str | None) -> None:
        self.progress.append(message or "")
        if self.opens and "measuring the candidate" in (message or ""):
            open_gate(self.project)


def open_gate(project: Project) -> None:
    """Let the run that is under way come to its end."""
    with contextlib.suppress(OSError):
        (project.folder / ".overnight" / "work" / "artifacts" / "open").touch()


@contextlib.asynccontextmanager
async def over_stdio(project: Project, *command: str) -> AsyncIterator[Assistant]:
    """An assistant that has started the server itself, as most do."""
    program, *arguments = command or (*COMMAND, str(project.folder))
    # Not within the project: whoever starts it may be anywhere.
    server = StdioServerParameters(command=program, args=arguments, env=_ENV, cwd=project.folder.parent)
    async with Client(server) as client:
        yield Assistant(client, project)


@contextlib.asynccontextmanager
async def within(project: Project) -> AsyncIterator[Assistant]:
    """The same without a process of the server's own, which takes a while to load."""
    async with Client(make_server(project.folder / "goal.md")) as client:
        yield Assistant(client, project)


@contextlib.contextmanager
def http_server(project: Project) -> Iterator[str]:
    """A server over HTTP; its address."""
    with subprocess.Popen([*COMMAND, "--http"], cwd=project.folder, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            said = server.stdout.readline()
            yield said.removeprefix("The MCP server is at ").partition(" ")[0]
        finally:
            server.terminate()


@contextlib.asynccontextmanager
async def over_http(project: Project, url: str) -> AsyncIterator[Assistant]:
    """An assistant that was given the address."""
    async with Client(url) as client:
        yield Assistant(client, project)


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Project]:
    """A goal for which nobody but an assistant proposes; its session is ended at the end."""
    project = Project(tmp_path / "project")
    project.write("solve.py", SOLVE)
    project.write("goal.md", GOAL.replace("PYTHON", sys.executable))
    project.set(agent="submitted")
    project.git("init", "-q", "-b", "main")
    project.commit()
    yield project
    State.of(project.folder).stop_holder()
