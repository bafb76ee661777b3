"""Files written whole, locked and found by name; files and folders removed, whatever guests have made of them."""

from __future__ import annotations

import contextlib
import fcntl
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO


def write_whole(path: Path, content: str, *, mode: int | None = None) -> None:
    """Write a UTF-8 file that nobody ever sees half of; `mode` is who may read it from the first moment on.

    Several may write the same at a time: the last one counts. Raises OSError when it cannot be written; what was there
    before is then as it was.
    """
    half = path.with_name(f"{path.name}.{secrets.token_hex(4)}.half")
    try:
        if mode is not None:
            half.touch(mode)
        half.write_bytes(content.encode("utf-8"))
        half.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
        raise


def files_named(words: Iterable[str], folder: Path) -> list[str]:
    """Those of `words` that name files of `folder`, relative to it."""
    paths = map(PurePosixPath, words)
    return [
        str(path) for path in paths if not path.is_absolute() and ".." not in path.parts and (folder / path).is_file()
    ]


def try_lock(file: IO[str]) -> bool:
    """Lock an open file for this process until it is closed, or the process is over; False where another has it.

    Raises OSError where the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def remove(path: Path) -> None:
    """Delete a file, a link, or a folder with all in it."""
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except (OSError, RecursionError):
        _flatten(path)
        path.rmdir()


def fresh_folder(folder: Path) -> None:
    """Make `folder` exist and be empty."""
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)
        folder.mkdir(parents=True)
    folder.chmod(0o700)
    for entry in folder.iterdir():
        remove(entry)


def _flatten(top: Path) -> None:
    """Empty a folder level by level: what lies deeper is moved up, so that no path becomes too long for the system."""
    mark = secrets.token_hex(8)
    moved = 0
    top.chmod(0o700)
    while folders := list(top.iterdir()):
        for folder in folders:
            if folder.is_symlink() or not folder.is_dir():
                folder.unlink()
                continue
            folder.chmod(0o700)
            for child in folder.iterdir():
                if child.is_symlink() or not child.is_dir():
                    child.unlink()
                else:
                    child.chmod(0o700)
                    moved += 1
                    child.rename(top / f"{mark}-{moved}")
            folder.rmdir()
