"""Files and folders removed, whatever guests have made of them."""

from __future__ import annotations

import shutil
from pathlib import Path


def remove(path: Path) -> None:
    """Delete a file, a link, or a folder with all in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=_open_up)
    else:
        path.unlink(missing_ok=True)


def fresh_folder(folder: Path) -> None:
    """Make `folder` exist and be empty."""
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink(missing_ok=True)
        folder.mkdir(parents=True)
    folder.chmod(0o700)
    for entry in folder.iterdir():
        remove(entry)


def _open_up(function: object, path: str, _: object) -> None:
    """Let `rmtree` go on in a folder whose rights a guest took away."""
    place = Path(path)
    for folder in (place.parent, place):
        if folder.is_dir() and not folder.is_symlink():
            folder.chmod(0o700)
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
