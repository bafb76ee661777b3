"""Settings that a model reads out of plain English, each with the words of the document that say so.

A model invents. So every quote is looked up, and what has none in the document is no more than a suggestion. Values go
through the same checks as a user's; what fails them is left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError
from pydantic_ai import ModelRetry, TextOutput, ToolOutput

from overnight.goal.durations import parse_duration
from overnight.goal.english import Found
from overnight.goal.settings import Settings
from overnight.goal.suggest import beginning_of, listed, suggest_edit
from overnight.propose.models.answers import objects_in
from overnight.propose.models.asking import Asker
from overnight.propose.models.failures import Outage, has_no_tools, why
from overnight.runs.redact import redact

Key = Literal[
    "edit",
    "run",
    "score",
    "metric",
    "direction",
    "budget",
    "kill_at",
    "read",
    "stop.experiments",
    "stop.hours",
    "stop.cost",
    "stop.plateau",
]
TOOL = "settings"
INSTRUCTIONS = f"""\
You read a document in which somebody says what a program shall be improved in, and you find the settings in it. A loop
will change one file again and again, run it, and keep what makes one number better. The settings:

- edit: the file that may be changed; several with commas between them
- run: the shell command of one run
- score: another command that prints the number after each run, if there is one
- metric: the name of the number that decides, the one word that is printed before it
- direction: lower or higher, whichever is better
- budget: how long one run gets, such as 90s or 5m
- kill_at: after how long a run is ended by force, if the document has a longer time for that
- read: data that runs need and git does not have; several with commas between them
- stop.experiments, stop.hours, stop.cost (US dollars), stop.plateau (experiments in a row without success): when to end

Call `{TOOL}` once. For each setting give the words of the document that say so, copied exactly. Leave out what the
document and the files say nothing about; never make anything up. If you cannot call it, answer with JSON of that form:
{{"settings": [{{"key": "metric", "value": "val_loss", "quote": "get the lowest val_loss"}}]}}
"""
_SHORTEST_QUOTE = 6
_LISTED = 200
_SHOWN_FILES = 5
_SHOWN = 3_000
_NUMBERS = ("stop.experiments", "stop.hours", "stop.cost", "stop.plateau")
_WHOLE = ("stop.experiments", "stop.plateau")


class Setting(BaseModel):
    """One setting."""

    key: Key
    value: str = Field(description="As it would be written in a settings file.")
    quote: str = Field(
        description="The words of the document that say so, copied exactly; empty if it does not say so."
    )


class _Settings(BaseModel):
    settings: list[Setting]


def read_with_model(asker: Asker, document: str, folder: Path) -> dict[str, Found] | str:
    """The settings that the model finds, or why it found none. Raises Interrupted when asked to stop meanwhile."""
    told = f"{document.strip()}\n\n{_project(document, folder)}"
    tool = ToolOutput(_by_tool, name=TOOL, description="The settings that were found.")
    heard = asker.ask(told, instructions=INSTRUCTIONS, output_type=[tool, TextOutput(_in_words)], expected=_Settings)
    if has_no_tools(heard.error):
        text = TextOutput(_in_words)
        heard = asker.ask(told, instructions=INSTRUCTIONS, output_type=text, expected=_Settings)
    if heard.output is None:
        found = why(heard, who=asker.who, limit=asker.limit)
        return found.reason if isinstance(found, Outage) else found
    return _checked(heard.output.settings, document)


def _by_tool(settings: list[Setting]) -> _Settings:
    return _Settings(settings=settings)


def _in_words(text: str) -> _Settings:
    for held in objects_in(text):
        try:
            return _Settings.model_validate(held)
        except ValidationError:
            continue
    raise ModelRetry(f"Call `{TOOL}`, or answer with its JSON and nothing else.")


def _project(document: str, folder: Path) -> str:
    """The project's files by name, and how those begin that are most likely meant."""
    names = [path.as_posix() for path in listed(folder)]
    likely = suggest_edit(folder)
    shown = [name for name in names if Path(name).name in document]
    shown += [likely.value] if likely and likely.value not in shown else []
    parts = ["# The project's files", "\n".join(names[:_LISTED]) or "(none)"]
    for name in shown[:_SHOWN_FILES]:
        parts.append(f"# How {name} begins\n\n{redact(beginning_of(folder / name)[:_SHOWN])}")
    return "\n\n".join(parts)


def _checked(settings: Iterable[Setting], document: str) -> dict[str, Found]:
    found: dict[str, Found] = {}
    for setting in settings:
        value = _value(setting.key, setting.value.strip())
        if value is not None and setting.key not in found:
            found[setting.key] = _with_quote(setting, value, document)
    return found


def _value(key: Key, text: str) -> str | float | None:
    """The value as `Found` has it; None where it would not do."""
    try:
        value: str | float = parse_duration(text) if key in ("budget", "kill_at") else text
        if key in _NUMBERS:
            value = float(text)
            if not math.isfinite(value) or (key in _WHOLE and not value.is_integer()):
                return None
        whole, _, part = key.partition(".")
        Settings.model_validate({"edit": "x", "run": "x", "metric": "x", whole: {part: value} if part else value})
    except ValueError:
        return None
    return value or None


def _with_quote(setting: Setting, value: str | float, document: str) -> Found:
    """Where in the document it comes from; nowhere, if the quote is not there."""
    words = setting.quote.strip(" \t\n\"'“”…").split()
    place = re.search(r"\s+".join(map(re.escape, words)), document) if words else None
    if place is None or len(place[0]) < _SHORTEST_QUOTE:
        return Found(setting.key, value, "", 0)
    literal = re.sub(r"[^\d.]+$", "", setting.value.strip()) or setting.value.strip()
    note = "" if literal in place[0] else "as the model reads it"
    return Found(setting.key, value, " ".join(words), 1 + document.count("\n", 0, place.start()), note)
