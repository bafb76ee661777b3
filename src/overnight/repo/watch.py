"""Which files were touched, from the kernel, so that a repository of 20,000 files costs no more than one of two."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

if sys.platform == "linux":
    from inotify_simple import INotify, flags

    _MASK = (
        flags.CREATE | flags.DELETE | flags.MODIFY | flags.CLOSE_WRITE | flags.ATTRIB
        | flags.MOVED_FROM | flags.MOVED_TO | flags.DELETE_SELF | flags.MOVE_SELF | flags.DONT_FOLLOW
    )  # fmt: skip
    _UNCLEAR = flags.ISDIR | flags.Q_OVERFLOW | flags.IGNORED | flags.UNMOUNT | flags.DELETE_SELF | flags.MOVE_SELF


class Watch:
    """The touched paths below a folder, by inotify. Read after the guest's processes have ended: no event comes late.

    It is a fast path, not the guard: whoever decides about a keep looks at every file.
    """

    def __init__(self, inotify: INotify, prefixes: dict[int, str]) -> None:
        self._inotify = inotify
        self._prefixes = prefixes

    @classmethod
    def of(cls, root: Path, folders: Iterable[str]) -> Watch | None:
        """A watch on `folders` (relative to `root`); None where the system has none, or no more of them to give."""
        if sys.platform != "linux":
            return None
        try:
            inotify = INotify(nonblocking=True)
        except OSError:
            return None
        prefixes = {}
        try:
            for folder in folders:
                prefixes[inotify.add_watch(root / folder, _MASK)] = "" if folder == "." else f"{folder}/"
        except OSError:
            inotify.close()
            return None
        return cls(inotify, prefixes)

    def touched(self) -> set[str] | None:
        """The paths touched since the last call; None when only a look at every file can tell."""
        paths: set[str] = set()
        unclear = False
        while events := self._inotify.read(timeout=0):
            for event in events:
                unclear = unclear or bool(event.mask & _UNCLEAR)
                paths.add(self._prefixes.get(event.wd, "") + event.name)
        return None if unclear else paths

    def close(self) -> None:
        """Give the kernel its memory back."""
        self._inotify.close()
