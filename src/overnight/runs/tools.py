"""Which programs guests need, and where those keep what they need themselves: read-only in every room.

Only folders of programs are opened: a home folder may hold the interpreter of a run, but also its owner's keys.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from overnight.runs.sandbox import words_of

SYSTEM = tuple(map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix", "/snap")))
"""Where the machine keeps programs: open in every room."""
_OF_A_PREFIX = (
    *("bin", "sbin", "lib", "lib32", "lib64", "libexec", "include", "share", "ssl", "etc", "pyvenv.cfg"),
    *("conda-meta", "condabin", "envs", "plugins", "shims", "version", "versions", "toolchains", "registry", "git"),
)
"""What belongs to the programs in a prefix such as ~/miniconda3, ~/.pyenv, ~/.nvm/versions/node/v20 or a venv."""
_OF_A_HOME = ("bin", "lib")
"""The same where the prefix is one that users keep other things in, such as ~/.local."""


def tool_paths(command: str, project: Path) -> tuple[Path, ...]:
    """The files and folders outside `SYSTEM` that a shell command needs: its programs, and paths it names.

    Nothing that contains `project` or the home folder is among them.
    """
    return _tool_paths(command, project, os.environ.get("PATH", ""))


@cache
def _tool_paths(command: str, project: Path, path: str) -> tuple[Path, ...]:
    """Found once: rooms are made for every run, and programs stay where they are."""
    found: dict[Path, None] = {}
    for directory in path.split(os.pathsep):
        if directory.startswith("/"):
            found.update(dict.fromkeys(_of_folder(Path(directory))))
    for word in words_of(command):
        found.update(dict.fromkeys(_of_word(word, project, path)))
    return tuple(place for place in found if _is_worth_opening(place, project))


def _of_word(word: str, project: Path, path: str) -> Iterator[Path]:
    if word.startswith(("/", "~")):
        place = Path(word).expanduser()
    elif "/" in word:
        place = project / word
    else:
        program = shutil.which(word, path=path)
        if program is None:
            return
        place = Path(program)
    if not place.exists() or (word.startswith("/") and place.is_relative_to(project) and place.is_dir()):
        return
    for each in dict.fromkeys((place, *_links(place))):
        if os.access(each, os.X_OK) and each.is_file():
            yield from _of_folder(each.parent)
        if each.is_absolute() and (word.startswith(("/", "~")) or not each.is_relative_to(project)):
            yield each


def _links(place: Path) -> Iterator[Path]:
    """Where a symbolic link leads, step by step: each step must be there to be followed."""
    for _ in range(20):
        if not place.is_symlink():
            return
        place = Path(os.path.normpath(place.parent / place.readlink()))
        yield place


def _of_folder(directory: Path) -> Iterator[Path]:
    """A folder of programs, and what stands beside it for them."""
    if not directory.is_dir() or any(directory.is_relative_to(system) for system in SYSTEM):
        return
    yield directory
    if directory.name not in ("bin", "sbin", "shims", "condabin"):
        return
    prefix = directory.parent
    is_users_own = prefix in (Path.home(), Path.home() / ".local")
    for name in _OF_A_HOME if is_users_own else _OF_A_PREFIX:
        if (prefix / name).exists():
            yield prefix / name
    if prefix.name == ".cargo" and (prefix.parent / ".rustup").is_dir():
        yield prefix.parent / ".rustup"
    yield from _of_venv(prefix / "pyvenv.cfg")


def _of_venv(config: Path) -> Iterator[Path]:
    """The interpreter that a virtual environment was made from."""
    try:
        lines = config.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        key, _, value = line.partition("=")
        if key.strip() == "home" and (home := Path(value.strip())).is_dir() and home.is_absolute():
            yield from _of_folder(home)


def _is_worth_opening(place: Path, project: Path) -> bool:
    if any(place.is_relative_to(system) for system in SYSTEM) or not place.exists():
        return False
    secret = (project, Path.home(), project / ".git", project / ".overnight")
    return not any(other.is_relative_to(place) for other in secret) and not place.is_relative_to(project / ".overnight")
