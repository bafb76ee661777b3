"""goal.md written out of settings and English: a commented line per setting, quoted where YAML needs it."""

from __future__ import annotations

import io
from collections.abc import Mapping

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

Plain = str | int | float
Written = Plain | list[str] | Mapping[str, Plain]

_COMMENTS = {
    "edit": "the only file that may be changed",
    "run": "one run",
    "score": "comes after each run and prints the metric; cannot be changed",
    "metric": "the number that decides",
    "direction": "{} is better",
    "budget": "how long each run gets",
    "kill_at": "when a run is ended by force; start-up comes on top of the budget",
    "guards": "must hold before a keep",
    "read": "what runs need and git does not have",
    "agent": "who suggests changes: search (needs no model), claude, codex, openai:MODEL, or any command",
    "stop": "whichever comes first",
}
_ORDER = tuple(_COMMENTS)
_WIDEST = 40
"""Comments line up at this column at most; a longer value only pushes its own."""


def goal_text(settings: Mapping[str, Written], english: str, *, slots: int = 1) -> str:
    """The whole file. `settings` are written in a fixed order; what is not in it is left to its default.

    `slots` is how many runs at a time the machine has room for; where that is more than one, a comment says so.
    """
    unknown = settings.keys() - _COMMENTS.keys()
    if unknown:
        raise ValueError(f"no comment for {sorted(unknown)}")
    lines = [(_yaml_line(key, settings[key]), _comment(key, settings)) for key in _ORDER if key in settings]
    if slots > 1:
        lines.append(("# slots: auto", f"{slots} runs at a time; `overnight check --slots auto` says if that is fair"))
    column = min(max((len(line) for line, _ in lines), default=0), _WIDEST)
    front = "".join(f"{line.ljust(column)}  # {comment}\n" for line, comment in lines)
    return f"---\n{front}---\n\n{english.strip()}\n"


def _comment(key: str, settings: Mapping[str, Written]) -> str:
    if key == "edit" and not isinstance(settings[key], str):
        return "the only files that may be changed"
    return _COMMENTS[key].format(settings[key])


def _yaml_line(key: str, value: Written) -> str:
    """One line that reads back as the same value. Where plain YAML would not, its strings get double quotes."""
    plain = {key: dict(value) if isinstance(value, Mapping) else value}
    line = _dump({key: _in_flow_style(value)})
    if "\n" in line or _load(line) != plain:
        line = _dump({key: _in_flow_style(_quoted(value))})
    return line


def _quoted(value: Written) -> Written:
    if isinstance(value, str):
        quoted: str = DoubleQuotedScalarString(value)
        return quoted
    return [DoubleQuotedScalarString(item) for item in value] if isinstance(value, list) else value


def _in_flow_style(value: Written) -> object:
    """Lists and maps on their key's own line, as people write them here."""
    if isinstance(value, str | int | float):
        return value
    flow: CommentedMap | CommentedSeq = CommentedSeq(value) if isinstance(value, list) else CommentedMap(value)
    flow.fa.set_flow_style()
    return flow


def _load(line: str) -> object:
    try:
        return YAML(typ="safe", pure=True).load(line)
    except YAMLError:
        return None


def _dump(data: object) -> str:
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 1_000_000
    yaml.allow_unicode = True
    stream = io.StringIO()
    yaml.dump(data, stream)
    return stream.getvalue().rstrip("\n")
