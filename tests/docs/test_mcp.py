"""The page about the MCP server: its lines for each client start it, and its table has every tool."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
from typer.testing import CliRunner

from overnight.cli.main import app
from overnight.mcp.server import make_server

PAGE = (Path(__file__).parents[2] / "docs" / "mcp.md").read_text()
_READ = {"json": json.loads, "toml": tomllib.loads}


def _servers(value: Any) -> Iterator[list[str]]:
    """The command lines in a client's settings."""
    if isinstance(value, dict) and "command" in value:
        command = value["command"]
        yield [*([command] if isinstance(command, str) else command), *value.get("args", [])]
    elif isinstance(value, dict):
        for each in value.values():
            yield from _servers(each)


def test_each_client_starts_the_server() -> None:
    blocks = re.findall(r"```(json|toml)\n(.*?)```", PAGE, re.DOTALL)
    starts = [words for language, text in blocks for words in _servers(_READ[language](text))]
    starts += [line.split() for line in re.findall(r"mcp add overnight -- (.*?)`", PAGE)]
    assert len(starts) == 7
    assert {tuple(words[:2]) for words in starts} == {("overnight", "mcp")}
    assert {tuple(words[2:]) for words in starts} == {("/home/ada/project",), ("${workspaceFolder}",)}


def test_the_command_is_as_the_page_says() -> None:
    told = CliRunner().invoke(app, ["mcp", "--help"]).output
    named = re.findall(r"^    overnight mcp (--\w+)", PAGE, re.MULTILINE)
    assert named
    assert all(words in told for words in named)


def test_the_table_has_every_tool_with_what_it_takes() -> None:
    table = PAGE.partition("## The tools")[2].partition("\n## ")[0]
    told = {
        name: set(re.findall(r"`(\w+)`", takes))
        for names, takes in re.findall(r"^\| (`[^|]*`) \|([^|]*)\|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    tools = anyio.run(make_server(Path("goal.md")).list_tools)
    assert told == {tool.name: set(tool.input_schema["properties"]) for tool in tools}
