"""A step as a call of one of the tools that a request offers, known by what they take."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from tests.modelserver.script import Asked, Call, EditFile, ReadFile, Shell, Tool, ToolStep

_PATH = ("file_path", "absolute_path", "filePath", "path")
_OLD = ("old_string", "oldString", "old_str", "before")
_NEW = ("new_string", "newString", "new_str", "after")
_COMMAND = ("command", "cmd")
_SHELLS = ("shell", "bash", "exec_command", "shell_command", "local_shell", "run_shell_command")

_CODE = "exec"
"""Codex's newer models write a program in JavaScript that calls the tools."""


class NoToolError(Exception):
    """Nothing that is offered can do it; the text says what was offered."""


@dataclass(frozen=True)
class Called:
    """A tool, and what it is given."""

    name: str
    arguments: dict[str, Any]
    text: str | None = None
    """Given instead, to tools that take plain text."""

    @property
    def json(self) -> str:
        """The arguments as they are sent."""
        return json.dumps(self.arguments)


def call_for(step: ToolStep, asked: Asked) -> Called:
    """The call that does a step. Raises NoToolError where no tool can."""
    if isinstance(step, Call):
        if _is_coded(asked, step.name):
            program = f"text(JSON.stringify(await tools.{step.name}({json.dumps(step.arguments)})));"
            return Called(_CODE, {}, program)
        return Called(step.name, step.arguments)
    if isinstance(step, Shell):
        return _shell(step.command, asked)
    path = f"{asked.folder}/{step.path}" if asked.folder and not step.path.startswith("/") else step.path
    for tool in asked.tools:
        where = _first(tool, _PATH)
        if isinstance(step, ReadFile) and where and "read" in tool.name.lower():
            return Called(tool.name, {where: path})
        old, new = _first(tool, _OLD), _first(tool, _NEW)
        if isinstance(step, EditFile) and where and old and new:
            others = dict.fromkeys(_required(tool) - {where, old, new}, "str_replace")
            return Called(tool.name, {**others, where: path, old: step.old, new: step.new})
    if isinstance(step, ReadFile):
        return _shell(f"cat {shlex.quote(step.path)}", asked)
    for tool in asked.tools:
        if tool.name == "apply_patch":
            patch = _patch(step)
            return Called(tool.name, {next(iter(tool.properties), "input"): patch}, patch if tool.is_freeform else None)
        if tool.name == _CODE and tool.is_freeform:
            return Called(tool.name, {}, f"text(await tools.apply_patch({json.dumps(_patch(step))}));")
    return _shell(_rewrite(step), asked)


def _is_coded(asked: Asked, name: str) -> bool:
    """Whether a tool can be called by a program only."""
    is_offered = any(tool.name == name for tool in asked.tools)
    return not is_offered and any(tool.name == _CODE and tool.is_freeform for tool in asked.tools)


def _first(tool: Tool, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in tool.properties), None)


def _required(tool: Tool) -> set[str]:
    return {name for name in tool.parameters.get("required", ()) if tool.properties[name].get("type") == "string"}


def _shell(command: str, asked: Asked) -> Called:
    for tool in asked.tools:
        if tool.name == _CODE and tool.is_freeform:
            return Called(tool.name, {}, f"text(await tools.exec_command({json.dumps({'cmd': command})}));")
        takes = _first(tool, _COMMAND)
        if takes and tool.name.lower() in _SHELLS:
            in_words = tool.properties[takes].get("type") == "array"
            others = dict.fromkeys(_required(tool) - {takes}, "x")
            return Called(tool.name, {**others, takes: ["bash", "-c", command] if in_words else command})
    raise NoToolError(", ".join(tool.name for tool in asked.tools))


def _patch(step: EditFile) -> str:
    gone = "".join(f"-{line}\n" for line in step.old.splitlines())
    came = "".join(f"+{line}\n" for line in step.new.splitlines())
    return f"*** Begin Patch\n*** Update File: {step.path}\n@@\n{gone}{came}*** End Patch\n"


def _rewrite(step: EditFile) -> str:
    program = "import sys; p, a, b = sys.argv[1:]; t = open(p).read(); open(p, 'w').write(t.replace(a, b))"
    return f"python3 -c {shlex.quote(program)} {shlex.join([step.path, step.old, step.new])}"
