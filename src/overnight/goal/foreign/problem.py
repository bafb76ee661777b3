"""What every format gives, and what several of them need."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from overnight import bridge
from overnight.goal.english import Found
from overnight.goal.suggest import beginning_of, interpreter


@dataclass(frozen=True)
class Problem:
    """A problem in somebody else's format."""

    kind: str
    """What it is, as words that follow its name: "an OpenEvolve example"."""
    said: Mapping[str, Found] = field(default_factory=dict)
    """The settings it states, each with where that stands."""
    english: str = ""
    """What it tells its proposer, word for word."""
    document: str = ""
    """Instead of both: the file in plain English that says it all."""
    frozen: tuple[str, ...] = ()
    """Files that measure, so that they should not be changed."""


def known(key: str, value: str | float, why: str) -> Found:
    """A setting and the reason for it."""
    return Found(key, value, "", 0, why=why)


def by_key(*found: Found | None) -> dict[str, Found]:
    """Those that were found."""
    return {each.key: each for each in found if each is not None}


def handed_over(folder: Path, name: str, program: str, evaluator: str, and_says: str = "") -> tuple[Found, Found]:
    """`run` and `score` for evaluators that are given a program: the run hands it over, the scorer evaluates it."""
    run = f'cp {shlex.quote(program)} "$OVERNIGHT_ARTIFACTS"'
    score = f'{_bridge(folder)} {name} {evaluator} "$OVERNIGHT_ARTIFACTS"/{shlex.quote(program)}'
    return (
        known("run", run, f"it hands {program} to the scorer"),
        known("score", score, f"{evaluator} cannot be changed; its numbers are read, not what is printed{and_says}"),
    )


def _bridge(folder: Path) -> str:
    """The adapter as a command: by name where the project's Python has Overnight, else by its file."""
    python, file = interpreter(folder), Path(bridge.__file__)
    program = shutil.which(python)
    ours = program is not None and Path(program).parent == Path(sys.executable).parent
    if ours and file.is_relative_to(sys.prefix):
        return f"{python} -m overnight.bridge"
    return f"{python} {shlex.quote(str(file))}"


def one_of(folder: Path, stem: str) -> str | None:
    """The name of the one file so called, whatever its suffix; of several, the one in Python."""
    names = sorted(path.name for path in folder.glob(f"{stem}.*") if path.is_file())
    return f"{stem}.py" if f"{stem}.py" in names else names[0] if len(names) == 1 else None


class Configuration:
    """A YAML file, and where in it a value stands."""

    def __init__(self, file: Path) -> None:
        self.name = file.name
        text = beginning_of(file)
        self._lines = text.splitlines()
        try:
            self._data: Any = YAML(typ="rt", pure=True).load(text)
        except (YAMLError, ValueError):
            self._data = None

    def text(self, *keys: str) -> str:
        """A string below these keys; "" where there is none."""
        value = self._value(keys)
        return str(value).strip() if isinstance(value, str) else ""

    def number(self, setting: str, *keys: str) -> Found | None:
        """A number below these keys as that setting of ours, with its line."""
        value = self._value(keys)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            return None
        place = (self._below(keys[:-1]).lc.data or {}).get(keys[-1])  # What is merged from elsewhere (`<<:`) has none.
        where = f", line {place[0] + 1}: “{self._lines[place[0]].strip()}”" if place else f": {'.'.join(keys)}"
        return known(setting, float(value), f"{self.name}{where}")

    def _value(self, keys: Iterable[str]) -> Any:
        *above, last = keys
        data = self._below(above)
        return data.get(last) if isinstance(data, dict) else None

    def _below(self, keys: Iterable[str]) -> Any:
        data = self._data
        for key in keys:
            data = data.get(key) if isinstance(data, dict) else None
        return data
