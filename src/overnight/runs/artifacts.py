"""What a run left for the scorer, looked at before the scorer does: files and folders that lead nowhere else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

MOST_ENTRIES = 200_000
"""Files and folders that a guest may leave: to look through more takes too long, and nobody needs them."""


def misleading(folder: Path) -> str | None:
    """What in the artifacts is no plain file or folder, in words; None when all is well.

    A link could show the scorer the labels as if they were the answer, and a pipe would keep it waiting.
    """
    entries = 0
    pending = [folder]
    while pending:
        here = pending.pop()
        try:
            found = list(os.scandir(here))
        except OSError as error:
            return f"the folder {here.relative_to(folder)} in its artifacts cannot be read: {error.strerror}"
        for entry in found:
            entries += 1
            if entries > MOST_ENTRIES:
                return f"it left more than {MOST_ENTRIES:,} files in its artifacts"
            mode = entry.stat(follow_symlinks=False).st_mode
            name = os.path.relpath(entry.path, folder)
            if stat.S_ISLNK(mode):
                target = Path(os.path.realpath(entry.path))
                if not target.is_relative_to(folder.resolve()):
                    return f"its artifact {name} is a link that leads out of the artifacts"
            elif stat.S_ISDIR(mode):
                pending.append(Path(entry.path))
            elif not stat.S_ISREG(mode):
                return f"its artifact {name} is no file"
    return None
