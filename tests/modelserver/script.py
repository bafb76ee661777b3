"""What the model does, in no provider's language: a list of steps for each conversation."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

INPUT_TOKENS = 1000
"""What every answer is said to have read; 400 of it from a cache."""
CACHED_TOKENS = 400
OUTPUT_TOKENS = 50

Why = Literal["key", "credit", "model", "limit", "overloaded", "broken"]


@dataclass(frozen=True)
class Think:
    """Thoughts that come before what follows."""

    text: str


@dataclass(frozen=True)
class Say:
    """Text; "" is an empty answer."""

    text: str


@dataclass(frozen=True)
class ReadFile:
    """Read a file, with whatever tool is offered for that."""

    path: str


@dataclass(frozen=True)
class EditFile:
    """Replace a text in a file, with whatever tool is offered for that."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Shell:
    """Run a command, with whatever tool is offered for that."""

    command: str


@dataclass(frozen=True)
class Call:
    """Call a tool by its own name."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fail:
    """The answer that the provider gives where something is wrong."""

    why: Why
    retry_after: int | None = None


@dataclass(frozen=True)
class Respond:
    """Any answer at all, as HTTP."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refuse:
    """The model will not do it, and its provider says so in its own way."""

    text: str = "I can't help with that request."


@dataclass(frozen=True)
class Flood:
    """Text without end, almost."""

    megabytes: int


@dataclass(frozen=True)
class Hang:
    """No answer, ever."""


ToolStep = ReadFile | EditFile | Shell | Call
Step = Think | Say | ToolStep | Fail | Respond | Refuse | Flood | Hang


@dataclass(frozen=True)
class Tool:
    """One that a request offers."""

    name: str
    parameters: dict[str, Any]
    is_freeform: bool = False
    """It takes plain text instead of JSON."""

    @property
    def properties(self) -> dict[str, Any]:
        """Its arguments by name."""
        found = self.parameters.get("properties")
        return found if isinstance(found, dict) else {}


@dataclass
class Asked:
    """One request, in no provider's language."""

    api: str
    model: str
    key: str
    stream: bool
    system: str
    tools: list[Tool]
    turns: list[list[str]] = field(default_factory=list)
    """What the user said, and then what the tools said, for each turn of the user's."""
    results: int = 0
    """How many tools have answered in the last turn."""
    schema: dict[str, Any] = field(default_factory=dict)
    """What the answer must look like, if it must be JSON."""
    answered: bool = False
    """Whether the last message was the model's."""

    def user(self, text: str) -> None:
        """A message of the user's: a new turn, unless nothing has been answered to the one before."""
        if self.results or not self.turns or self.answered:
            self.turns.append([])
            self.results = 0
        self.answered = False
        self.turns[-1].append(text)

    def result(self, text: str) -> None:
        """What a tool has answered."""
        if not self.turns:
            self.turns.append([])
        self.results += 1
        self.answered = False
        self.turns[-1].append(text)

    @property
    def last_turn(self) -> str:
        """All that was said in it."""
        return "\n".join(self.turns[-1]) if self.turns else ""

    @property
    def text(self) -> str:
        """All that was said, but for the model's own words."""
        return "\n".join([self.system, *("\n".join(turn) for turn in self.turns)])

    @property
    def experiment(self) -> int | None:
        """The number of the experiment that the brief is about."""
        found = re.findall(r"(?<!#)# Experiment (\d+)", self.last_turn)
        return int(found[-1]) if found else None

    @property
    def folder(self) -> str:
        """Where the agent says it works."""
        found = _FOLDER.search(self.text)
        return found[1].rstrip("/.") if found else ""


_FOLDER = re.compile(r"(?:working directory: |<cwd>|Workspace Directories:\**\s+- )(/[^\s<`]+)", re.IGNORECASE)

Script = Callable[[Asked], Sequence[Step]]


@dataclass(frozen=True)
class Answer:
    """What is played for one request: words, then perhaps one tool."""

    thoughts: str = ""
    text: str = ""
    tool: ToolStep | None = None
    refused: bool = False


Played = Answer | Fail | Respond | Flood | Hang


def answers(steps: Sequence[Step]) -> list[Played]:
    """The steps as answers: words belong to the tool that follows, and every tool ends an answer."""
    found: list[Played] = []
    thoughts, text = "", ""
    for step in steps:
        match step:
            case Think():
                thoughts += step.text
                continue
            case Say():
                text += step.text
                continue
            case ReadFile() | EditFile() | Shell() | Call():
                found.append(Answer(thoughts, text, step))
            case Refuse():
                found.append(Answer(thoughts, step.text, refused=True))
            case _:
                found.append(step)
        thoughts, text = "", ""
    if thoughts or text or not found or isinstance(steps[-1], Think | Say):
        found.append(Answer(thoughts, text))
    return found


def play(script: Script, asked: Asked) -> Played:
    """The answer to a request: told by how many tools have answered, so that a repeated request gets the same."""
    steps = script(asked)
    edits = any(isinstance(step, ToolStep) for step in steps)
    if not asked.tools and edits and "SEARCH/REPLACE" in asked.text:
        return Answer(text="\n\n".join(_as_text(step) for step in steps))
    if not asked.tools and isinstance(steps[0], Think | Say | Refuse | ToolStep) and (edits or asked.schema):
        # Agents ask for a title, or whether the task is hard, beside the conversation.
        if not asked.schema:
            return Answer(text="A title")
        if not any(isinstance(step, Say) and step.text.startswith("{") for step in steps):
            return Answer(text=json.dumps(_example(asked.schema)))
    planned = answers(steps)
    played = planned[min(asked.results, len(planned) - 1)]
    if isinstance(played, Answer) and played.tool is None and _MINI_IS_DONE in asked.text:
        return replace(played, tool=Shell(f"echo {_MINI_IS_DONE}"))
    return played


_MINI_IS_DONE = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
"""What mini-swe-agent wants to read when the work is done."""


def _as_text(step: Step) -> str:
    """An edit as agents without tools want it."""
    if isinstance(step, EditFile):
        return f"{step.path}\n```python\n<<<<<<< SEARCH\n{step.old}\n=======\n{step.new}\n>>>>>>> REPLACE\n```"
    return step.text if isinstance(step, Say) else ""


def _example(schema: dict[str, Any]) -> Any:
    """The simplest value that a JSON schema allows."""
    if "enum" in schema:
        return schema["enum"][0]
    match str(schema.get("type", "")).lower():
        case "object":
            return {name: _example(each) for name, each in (schema.get("properties") or {}).items()}
        case "integer" | "number":
            return 1
        case "boolean":
            return False
        case "array":
            return []
    return "x"
