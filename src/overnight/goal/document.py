"""goal.md read into settings and English, with every mistake found at once and the line it is on."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from overnight.errors import GoalError
from overnight.goal.sections import GuestLimits, StopRules
from overnight.goal.settings import FLEETS, Settings
from overnight.plugins import Kind, installed_words, is_name, offered

_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Goal:
    """What the user wrote: the settings for the program, the English for the proposer."""

    path: Path
    """goal.md, absolute; every path in it is relative to its folder."""
    text: str
    """The whole file, word for word."""
    settings: Settings
    english: str
    lines: Mapping[str, int]
    """The 1-based line of each key in the front matter."""

    @property
    def folder(self) -> Path:
        """The folder that runs start in."""
        return self.path.parent

    def at(self, key: str) -> str:
        """`goal.md:3`, for a message about `key`."""
        return f"{self.path.name}:{self.lines.get(key, 1)}"

    @classmethod
    def read(cls, path: Path | str) -> Goal:
        """The goal in `path`. Raises GoalError with every mistake, each as `goal.md:LINE: what, and what to do`."""
        path = Path(path).absolute()
        text = _text_of(path)
        front, english = _split(path, text)
        keys, lines = _parse_yaml(path, front)
        mistakes = []
        settings = None
        try:
            settings = Settings.model_validate(keys)
        except ValidationError as error:
            mistakes += [_explain(path, lines, detail) for detail in error.errors()]
        mistakes += _missing_files(path, lines, keys)
        mistakes += _missing_plugins(path, lines, keys)
        if mistakes or settings is None:
            raise GoalError(sorted(mistakes, key=_line_number))
        return cls(path, text, settings, english, {key: line for key, line in lines.items() if "." not in key})


def _text_of(path: Path) -> str:
    if path.is_dir():
        raise GoalError([f"{path} is a folder; name the goal file in it, `{path.name}/goal.md` say"])
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise GoalError([f"there is no {path.name} in {path.parent}; `overnight init` writes one with you"]) from None
    except UnicodeDecodeError:
        raise GoalError([f"{path.name}:1: this is not a UTF-8 text file"]) from None
    except OSError as error:
        raise GoalError([f"{path} cannot be read: {error.strerror}"]) from None


def _split(path: Path, text: str) -> tuple[str, str]:
    found = _FRONT_MATTER.match(text)
    if found:
        return found.group(1), text[found.end() :]
    if re.match(r"\A\ufeff?---[ \t]*\r?\n", text):
        raise GoalError(
            [f"{path.name}:1: the front matter opens with --- but never ends; add a line --- after the settings"]
        )
    raise GoalError(
        [
            f"{path.name}:1: there are no settings at the top (lines between two ---); "
            f"`overnight init --from {path.name}` finds them in the text and writes a goal.md"
        ]
    )


def _parse_yaml(path: Path, front: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The front matter as plain data, and the line of every key (`stop.hours` for nested ones)."""
    try:
        data = YAML(typ="rt", pure=True).load(front)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 2 if mark else 1
        problem = (error.problem or "it cannot be read").split("\n")[0]
        hint = "; put the value in quotes" if "mapping values" in problem or "alias" in problem else ""
        raise GoalError([f"{path.name}:{line}: the front matter is not valid YAML: {problem}{hint}"]) from None
    except YAMLError as error:
        raise GoalError([f"{path.name}:1: the front matter is not valid YAML: {error}"]) from None
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise GoalError([f"{path.name}:2: the front matter must be lines of `key: value`, such as `edit: train.py`"])
    lines: dict[str, int] = {}
    _note_lines(data, "", lines)
    return _plain(data), lines


def _note_lines(data: Any, prefix: str, lines: dict[str, int]) -> None:
    for key, value in data.items():
        # ruamel counts from 0 and the text starts on the document's second line.
        lines[f"{prefix}{key}"] = data.lc.key(key)[0] + 2
        if isinstance(value, dict):
            _note_lines(value, f"{prefix}{key}.", lines)


def _plain(value: Any) -> Any:
    """ruamel's round-trip types as the built-in ones, so that a ledger and a message show what was written."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return str(value)


def _explain(path: Path, lines: Mapping[str, int], detail: ErrorDetails) -> str:
    names = [
        str(part) for part in detail["loc"] if isinstance(part, str) and not part.startswith(("function", "tuple"))
    ]
    key = ".".join(names)
    where = f"{path.name}:{lines.get(key) or lines.get(names[0] if names else '', 1)}"
    match detail["type"]:
        case "missing":
            return f"{where}: `{key}` is missing; add a line such as `{key}: {_EXAMPLES.get(key, '…')}`"
        case "extra_forbidden":
            return f"{where}: `{key}` is not a setting; {_did_you_mean(names)}"
        case "tuple_type":
            return f"{where}: `{key}` must be a list, such as [a, b], not {detail['input']!r}"
        case "literal_error":
            return f"{where}: `{key}` must be {detail['ctx']['expected']}, not {detail['input']!r}"
        case "value_error":
            about = f"`{key}`: " if key else ""
            return f"{where}: {about}{detail['ctx']['error']}"
        case _:
            what = detail["msg"][0].lower() + detail["msg"][1:]
            return f"{where}: `{key}`: {what}, but it is {detail['input']!r}"


_EXAMPLES = {"edit": "train.py", "run": "python train.py", "metric": "val_loss"}


def _did_you_mean(names: list[str]) -> str:
    groups: dict[str, type[BaseModel]] = {"stop": StopRules, "limits": GuestLimits}
    known = list((groups.get(names[0], Settings) if len(names) > 1 else Settings).model_fields)
    close = difflib.get_close_matches(names[-1], known, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"the settings are {', '.join(known)}"


def _missing_files(path: Path, lines: Mapping[str, int], keys: Mapping[str, Any]) -> Iterable[str]:
    """A mistake for each path named in `edit`, `read` or `hidden` that leads nowhere."""
    for key in ("edit", "read", "hidden"):
        named = keys.get(key)
        for name in [named] if isinstance(named, str) else named if isinstance(named, list) else []:
            if isinstance(name, str) and name and (problem := _path_problem(path.parent, key, name)):
                yield f"{path.name}:{lines.get(key, 1)}: `{key}`: {problem}"


def _missing_plugins(path: Path, lines: Mapping[str, int], keys: Mapping[str, Any]) -> Iterable[str]:
    """A mistake for a fleet or a judge that is neither built in nor brought by an installed package."""
    kinds: tuple[tuple[Kind, tuple[str, ...]], ...] = (("fleet", FLEETS), ("judge", ()))
    for kind, built_in in kinds:
        name = keys.get(kind)
        if isinstance(name, str) and is_name(name) and name not in (*built_in, *offered(kind)):
            known = f"built in are {', '.join(built_in)}; " if built_in else ""
            where = f"{path.name}:{lines.get(kind, 1)}"
            yield f"{where}: `{kind}`: there is no {kind} {name!r} here; {known}{installed_words(kind)}"


def _path_problem(folder: Path, key: str, name: str) -> str | None:
    if key == "edit" and (Path(name).is_absolute() or ".." in Path(name).parts):
        return f"{name!r} is outside the folder of the goal; only files inside it can be changed"
    if key == "edit" and _GLOB.search(name):
        return None if any(folder.glob(name)) else f"no file matches {name!r}"
    target = folder / os.path.expanduser(name)  # noqa: PTH111 - Path's own raises where nobody has that home
    if target.exists():
        return (
            f"{name!r} is a folder; name a file, or `{name.rstrip('/')}/*.py`"
            if key == "edit" and target.is_dir()
            else None
        )
    siblings = [entry.name for entry in target.parent.iterdir()] if target.parent.is_dir() else []
    close = difflib.get_close_matches(target.name, siblings, n=1)
    hint = f"; did you mean {Path(name).with_name(close[0]).as_posix()!r}?" if close else ""
    return f"there is no file {name!r}{hint}"


def _line_number(mistake: str) -> int:
    found = re.match(r"[^:]*:(\d+):", mistake)
    return int(found.group(1)) if found else 0
