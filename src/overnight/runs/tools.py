"""Which programs guests need, and where those keep what they need themselves: read-only in every room.

Only folders of programs are opened: a home folder may hold the interpreter of a run, but also its owner's keys.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from overnight.runs.sandbox import home, words_of

SYSTEM = tuple(map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix", "/snap")))
"""Where the machine keeps programs: open in every room."""
_OF_A_PREFIX = ("bin", "sbin", "lib", "lib32", "lib64", "libexec", "include", "share", "ssl", "pyvenv.cfg")
"""What belongs to the programs in a prefix, such as a virtual environment or ~/.nvm/versions/node/v20."""
_OF_A_HOME = ("bin", "lib")
"""The same where the prefix is one that users keep other things in, such as ~/.local."""
_OF_A_MANAGER = {
    ".pyenv": ("versions", "version", "plugins", "shims", "libexec"),
    ".cargo": ("registry", "git"),
    ".rbenv": ("versions", "version", "plugins", "shims", "libexec"),
}
"""What else is in the prefixes of programs that manage others, by the prefix's name."""
_OF_CONDA = ("conda-meta", "condabin", "envs", "etc", "pkgs")


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
            found.update(dict.fromkeys(_of_folder(Path(directory), project)))
    for word in words_of(command):
        # Words may be anything, such as a page of prompt: those that cannot be paths are none.
        with contextlib.suppress(OSError, ValueError):
            found.update(dict.fromkeys(_of_word(word, project, path)))
    return tuple(place for place in found if _is_worth_opening(place, project))


def _of_word(word: str, project: Path, path: str) -> Iterator[Path]:
    if word.startswith(("/", "~")):
        place = Path(os.path.expanduser(word))  # noqa: PTH111 - Path's own raises where nobody has that home
    elif "/" in word:
        place = project / word
    else:
        program = shutil.which(word, path=path)
        if program is None or not program.startswith("/"):
            return
        place = Path(program)
    if not place.exists() or (word.startswith("/") and place.is_relative_to(project) and place.is_dir()):
        return
    for each in dict.fromkeys((place, *_links(place))):
        if os.access(each, os.X_OK) and each.is_file():
            yield from _of_folder(each.parent, project)
        if each.is_absolute() and (word.startswith(("/", "~")) or not each.is_relative_to(project)):
            yield each


def _links(place: Path) -> Iterator[Path]:
    """Where a symbolic link leads, step by step: each step must be there to be followed."""
    for _ in range(20):
        if not place.is_symlink():
            return
        place = Path(os.path.normpath(place.parent / place.readlink()))
        yield place


def _of_folder(directory: Path, project: Path) -> Iterator[Path]:
    """A folder of programs, and what stands beside it for them."""
    if not os.path.isdir(directory) or any(directory.is_relative_to(system) for system in SYSTEM):  # noqa: PTH112
        return  # (Path's own raises where the folder is closed to us.)
    yield directory
    prefix = directory.parent
    if directory.name not in ("bin", "sbin", "shims", "condabin") or project.is_relative_to(prefix):
        return
    names: tuple[str, ...] = _OF_A_HOME if prefix in (home(), home() / ".local") else _OF_A_PREFIX
    names += _OF_A_MANAGER.get(prefix.name, ())
    if (prefix / "conda-meta").is_dir():
        names += _OF_CONDA
    yield from (prefix / name for name in names if (prefix / name).exists())
    if prefix.name == ".cargo" and (prefix.parent / ".rustup").is_dir():
        yield prefix.parent / ".rustup"
    yield from _of_venv(prefix / "pyvenv.cfg", project)


def _of_venv(config: Path, project: Path) -> Iterator[Path]:
    """The interpreter that a virtual environment was made from."""
    try:
        lines = config.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        key, _, value = line.partition("=")
        if key.strip() == "home" and (base := Path(value.strip())).is_dir() and base.is_absolute():
            yield from _of_folder(base, project)


def _is_worth_opening(place: Path, project: Path) -> bool:
    if any(place.is_relative_to(system) for system in SYSTEM) or not place.exists():
        return False
    secret = (project, home(), project / ".git", project / ".overnight")
    return not any(other.is_relative_to(place) for other in secret) and not place.is_relative_to(project / ".overnight")
