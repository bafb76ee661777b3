"""The part of the frozen world that git does not track: a goal's programs, their packages, its data, its own judge.

If any of it changes during the night, numbers before and after no longer compare.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from overnight.errors import Trouble, explain_os
from overnight.goal.settings import Settings
from overnight.plugins import load
from overnight.runs.places import place_of
from overnight.runs.sandbox import words_of

_MOST_BYTES = 2 * 2**30
"""Of one path: beyond, files are known by size and time and not by their contents."""
_Signature = tuple[int, int, int, int]


class World:
    """Hashes what a goal's commands use. A file that was not touched is not read twice."""

    def __init__(self, settings: Settings, project: Path, tracked: Iterable[str] = ()) -> None:
        """`project` is goal.md's folder, `tracked` what git has of it, relative to it."""
        self._tracked = frozenset(tracked)
        self._settings = settings
        self._project = project
        self._known: dict[Path, tuple[_Signature, str]] = {}

    def look(self) -> dict[str, str]:
        """SHA-256 of each part, by its name in words ("the program /usr/bin/python3", "the data labels")."""
        parts: dict[str, str] = {}
        for program in self._programs():
            parts[f"the program {program}"] = self._file(program)
            for packages in _packages_of(program):
                parts[f"the packages in {packages}"] = self._packages(packages)
        for plugin in (load(kind, name) for kind, name in self._settings.plugins):
            parts[f"{plugin} in {plugin.file}"] = self._file(Path(plugin.file))
        for name in (*self._settings.read, *self._settings.hidden):
            parts[f"the data {name}"] = self._tree(place_of(name, self._project))
        return parts

    def _programs(self) -> list[Path]:
        """The programs that the commands name, as they are found here; the links to them are followed."""
        settings = self._settings
        found: dict[Path, None] = {}
        for command in (settings.run, settings.compare, settings.score):
            for word in words_of(command or ""):
                if os.path.normpath(word) in self._tracked:
                    continue  # Runs use the copy that git has of it.
                place = str(self._project / word) if "/" in word and not word.startswith(("/", "~")) else word
                program = shutil.which(os.path.expanduser(place))  # noqa: PTH111 - `~` alone is no error there
                if program is not None:
                    found[Path(program)] = None
        return list(found)

    def _packages(self, folder: Path) -> str:
        digest = hashlib.sha256()
        for entry in sorted(folder.glob("*-info")):
            digest.update(entry.name.encode())
            if (entry / "RECORD").is_file():
                digest.update(self._file(entry / "RECORD").encode())
        return digest.hexdigest()

    def _tree(self, root: Path) -> str:
        files = list(_files_in(root))
        by_contents = sum(path.stat().st_size for path in files if path.exists()) <= _MOST_BYTES
        digest = hashlib.sha256()
        for path in files:
            digest.update(str(path.relative_to(root)).encode() + b"\0")
            digest.update((self._file(path) if by_contents else _size_and_time(path)).encode())
        return digest.hexdigest()

    def _file(self, path: Path) -> str:
        """SHA-256 of a file; what is gone or closed to us has a name for that instead."""
        try:
            status = path.stat()
            signature = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            known = self._known.get(path)
            if known is None or known[0] != signature:
                with path.open("rb") as file:
                    known = (signature, hashlib.file_digest(file, "sha256").hexdigest())
                self._known[path] = known
            return known[1]
        except OSError as error:
            return _lasting(error)


def _lasting(error: OSError) -> str:
    """What is so each time one looks. Trouble that passes is raised again: it must not be taken for a change."""
    if isinstance(explain_os(error, ""), Trouble):
        raise error
    return f"unreadable: {error.strerror}"


def differences(before: dict[str, str], now: dict[str, str]) -> list[str]:
    """The parts that are not what they were, in words."""
    return [name for name in sorted(before.keys() | now.keys()) if before.get(name) != now.get(name)]


def _packages_of(program: Path) -> Iterator[Path]:
    """Where the Python that a program is, if it is one, keeps its packages: a venv's own and those of its base."""
    if not program.resolve().name.startswith("python"):
        return
    for prefix in dict.fromkeys((program.parent.parent, program.resolve().parent.parent)):
        for pattern in ("lib/python3*/site-packages", "lib/python3*/dist-packages", "lib/python3/dist-packages"):
            yield from (folder for folder in sorted(prefix.glob(pattern)) if not folder.is_symlink())


def _files_in(root: Path) -> Iterator[Path]:
    """Every file, in a fixed order; what Python only keeps for speed is left out."""
    if not root.is_dir():
        yield root
        return
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        yield from (Path(folder) / name for name in sorted(files) if not name.endswith(".pyc"))


def _size_and_time(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        return _lasting(error)
    return f"{status.st_size} {status.st_mtime_ns}"
