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
from overnight.goal.sections import GuestLimits, LiveSettings, StopRules
from overnight.goal.settings import FLEETS, Settings
from overnight.plugins import Kind, installed_words, is_name, offered

_OPENS = r"\A\ufeff?(?P<blank>(?:[ \t]*\n)*)---[ \t]*\r?\n"
_FRONT_MATTER = re.compile(rf"{_OPENS}(?P<settings>.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
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
            mistakes += [_explain(path, lines, detail) for detail in error.errors() if not _is_elsewhere(detail, keys)]
        mistakes += _null_bytes(path, lines, keys)
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
        raise GoalError(
            [f"there is no {path.name} in {path.parent}; `overnight init` writes a goal.md with you"]
        ) from None
    except UnicodeDecodeError:
        raise GoalError([f"{path.name}:1: this is not a UTF-8 text file"]) from None
    except OSError as error:
        raise GoalError([f"{path} cannot be read: {error.strerror}"]) from None


def _is_elsewhere(detail: ErrorDetails, keys: Mapping[str, Any]) -> bool:
    """Whether `run` is missing only because what takes its place has a mistake, which is said already."""
    return detail["loc"] == ("run",) and detail["type"] == "missing" and not keys.keys().isdisjoint(("compare", "live"))


def _split(path: Path, text: str) -> tuple[str, str]:
    found = _FRONT_MATTER.match(text)
    if found:  # Lines are counted in what is returned, so those before it stay.
        return found["blank"] + found["settings"], text[found.end() :]
    if re.match(_OPENS, text):
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
    given = detail["input"]
    match detail["type"]:
        case "missing":
            below = f" below `{names[0]}:`" if len(names) > 1 else ""
            return f"{where}: `{key}` is missing; add a line such as `{names[-1]}: {_EXAMPLES.get(key, '…')}`{below}"
        case "extra_forbidden":
            return f"{where}: `{key}` is not a setting; {_did_you_mean(names)}"
        case _ if given is None or given in ("", []):
            return f"{where}: `{key}` is empty; write what it shall be, or take the line away"
        case "tuple_type":
            return f"{where}: `{key}` must be a list, such as [a, b], not {given!r}"
        case "model_type" | "dict_type":
            return f"{where}: `{key}` must be `key: value` in braces, or lines of them below it, not {given!r}"
        case "literal_error":
            return f"{where}: `{key}` must be {detail['ctx']['expected']}, not {given!r}"
        case "value_error":
            about = f"`{key}`: " if key else ""
            return f"{where}: {about}{detail['ctx']['error']}"
        case "string_type":
            return f"{where}: `{key}` must be text, not {given!r}; if that is meant, put it in quotes"
        case kind if kind.startswith(tuple(_KINDS)):
            return f"{where}: `{key}` must be {_KINDS[kind.split('_')[0]]}, not {given!r}"
        case _:
            what = detail["msg"][0].lower() + detail["msg"][1:]
            return f"{where}: `{key}`: {what}, but it is {given!r}"


_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}
_EXAMPLES = {
    **{"edit": "train.py", "run": "python train.py", "metric": "val_loss"},
    **{"live.deploy": "python deploy.py", "live.measure": "python measure.py"},
    **{"live.window": "7d", "live.min_samples": "400"},
}


def _did_you_mean(names: list[str]) -> str:
    groups: dict[str, type[BaseModel]] = {"stop": StopRules, "limits": GuestLimits, "live": LiveSettings}
    known = list((groups.get(names[0], Settings) if len(names) > 1 else Settings).model_fields)
    close = difflib.get_close_matches(names[-1], known, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"the settings are {', '.join(known)}"


def _null_bytes(path: Path, lines: Mapping[str, int], value: Any, key: str = "") -> Iterable[str]:
    """A mistake for each text that no program could be given: YAML makes a null byte of a backslash and a zero."""
    if isinstance(value, str) and "\0" in value:
        yield (
            f"{path.name}:{lines.get(key, 1)}: `{key}`: there is a null byte in it; in double quotes a backslash "
            "begins something in YAML, in single quotes it is a backslash"
        )
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _null_bytes(path, lines, item, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for item in value:
            yield from _null_bytes(path, lines, item, key)


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
    if key == "edit" and is_pattern(name):
        return pattern_problem(folder, name)
    target = folder / os.path.expanduser(name)  # noqa: PTH111 - Path's own raises where nobody has that home
    if target.exists():
        return (
            f"{name!r} is a folder; name a file, or `{name.rstrip('/')}/*.py`"
            if key == "edit" and target.is_dir()
            else None
        )
    if "," in name:
        return f"there is no file {name!r}; several are a list: [{name}]"
    siblings = [entry.name for entry in target.parent.iterdir()] if target.parent.is_dir() else []
    close = difflib.get_close_matches(target.name, siblings, n=1)
    hint = f"; did you mean {Path(name).with_name(close[0]).as_posix()!r}?" if close else ""
    return f"there is no file {name!r}{hint}"


def is_pattern(name: str) -> bool:
    """Whether `name` stands for many files."""
    return _GLOB.search(name) is not None


def pattern_problem(folder: Path, pattern: str) -> str | None:
    """What is wrong with a pattern of files in `folder`, None where there are some."""
    try:
        return None if any(folder.glob(pattern)) else f"no file matches {pattern!r}"
    except ValueError:
        return f"{pattern!r} is no pattern; `**` stands for whole folders, as in `src/**/*.py`"


def _line_number(mistake: str) -> int:
    found = re.match(r"[^:]*:(\d+):", mistake)
    return int(found.group(1)) if found else 0
