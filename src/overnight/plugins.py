"""What other packages bring: proposers, judges and fleets, under the names of their entry points.

A package names them in its pyproject.toml, in the groups `overnight.proposers`, `overnight.judges` and
`overnight.fleets`. They are code of the user's own environment, which was installed there on purpose: they run in the
session's process, in no room, with all that the user may do.
"""

from __future__ import annotations

import re
import sys
import traceback
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from overnight.errors import OvernightError

Kind = Literal["proposer", "judge", "fleet"]
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


@dataclass(frozen=True)
class Plugin:
    """What an entry point leads to."""

    kind: Kind
    name: str
    target: Any
    """Something to call, as what each kind has to be says."""
    file: str
    """Where it is written, as far as that is a file."""

    def __str__(self) -> str:
        return f"the {self.kind} {self.name!r}"

    def failure(self, error: BaseException) -> str:
        """What went wrong in it, in one line that says where."""
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.file]
        where = f" ({Path(self.file).name}:{lines[-1]})" if lines else ""
        return f"{self} failed: {_in_words(error)}{where}"


def is_name(word: str) -> bool:
    """Whether an entry point may be called this."""
    return _NAME.fullmatch(word) is not None


def offered(kind: Kind) -> list[str]:
    """The names of all that are installed."""
    return sorted({entry.name for entry in entry_points(group=f"overnight.{kind}s")})


def load(kind: Kind, name: str) -> Plugin:
    """What is called `name`. Raises OvernightError where there is none, or more than one, or it cannot be loaded."""
    found = list(dict.fromkeys(entry_points(group=f"overnight.{kind}s", name=name)))
    if not found:
        raise OvernightError(f"there is no {kind} {name!r} here; {installed_words(kind)}")
    if len(found) > 1:
        places = " and ".join(map(_place, found))
        raise OvernightError(f"there are several called {name!r}: {places} bring one each; uninstall all but one")
    entry = found[0]
    try:
        target = entry.load()
    except (Exception, SystemExit) as error:  # Whatever a module does when it is imported.
        raise OvernightError(f"the {kind} {name!r} of {_place(entry)} cannot be loaded: {_in_words(error)}") from None
    if not callable(target):
        raise OvernightError(f"the {kind} {name!r} of {_place(entry)} is {target!r}, which cannot be called")
    return Plugin(kind, name, target, str(getattr(sys.modules.get(entry.module), "__file__", None) or ""))


def installed_words(kind: Kind) -> str:
    """Which ones there are, as the end of a sentence."""
    names = offered(kind)
    return f"installed are {', '.join(names)}" if names else f"no installed package brings a {kind}"


def _place(entry: EntryPoint) -> str:
    return f"{entry.dist.name} ({entry.value})" if entry.dist is not None else entry.value


def _in_words(error: BaseException) -> str:
    return ": ".join(filter(None, (type(error).__name__, " ".join(str(error).split()))))[:500]
