"""What coding agents need besides the project: their keys, their settings, a network. A guest gets that and no more."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePath

from overnight.propose.agents import AGENTS
from overnight.propose.agents.agent import Needs
from overnight.runs.sandbox import home as user_home

_NOT_SETTINGS = (
    *("projects", "history*", "logs", "log", "cache", "todos", "sessions", "shell-snapshots", "statsig", "*.log"),
)
"""What lies among settings, can be large, and is nobody's business here."""
_LARGEST = 5 * 2**20


def needs_of(command: str) -> Needs:
    """What the agent that a command starts needs, known by its program's name; nothing if it is not known."""
    known = {agent.program: agent.needs for agent in AGENTS.values()}
    return next((known[name] for name in _programs(command) if name in known), Needs())


def _programs(command: str) -> Iterator[str]:
    """The programs that a shell command starts: the first word of each part, what only starts others skipped."""
    words = shlex.shlex(command, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    is_first = True
    try:
        for word in words:
            if set(word) <= set("();<>|&"):
                is_first = True
            elif is_first and not re.fullmatch(r"\w+=.*|-.*|\d+\w?", word) and word not in _STARTERS:
                yield PurePath(word).name
                is_first = False
    except ValueError:
        return  # The shell will complain.


_STARTERS = frozenset({"env", "exec", "npx", "uvx", "nohup", "nice", "time", "timeout", "command"})


def copy_config(needs: Needs, home: Path) -> None:
    """Put the agent's settings into the guest's private home."""
    for name in needs.config:
        source, target = user_home() / name, home / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(
                source, target, ignore=_left_out, symlinks=True, dirs_exist_ok=True, ignore_dangling_symlinks=True
            )
        elif source.is_file():
            shutil.copy2(source, target)


def _left_out(folder: str, names: list[str]) -> set[str]:
    by_name = shutil.ignore_patterns(*_NOT_SETTINGS)(folder, names)
    special = {name for name in names if not (Path(folder) / name).is_dir() and not _is_small_file(Path(folder) / name)}
    return {*by_name, *special}


def _is_small_file(place: Path) -> bool:
    return place.is_file() and place.stat().st_size <= _LARGEST
