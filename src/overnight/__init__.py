"""Overnight: the loop that improves your work while you sleep.

`from overnight import Goal, Session` does all that the command line does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from overnight.version import VERSION

if TYPE_CHECKING:
    from overnight.goal.document import Goal
    from overnight.loop.session import Session

__version__ = VERSION
__all__ = ["Goal", "Session", "__version__"]

_HOMES = {"Goal": "overnight.goal.document", "Session": "overnight.loop.session"}


def __getattr__(name: str) -> Any:
    # Loaded when asked for, so that `overnight status` does not wait for what only a session needs.
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
