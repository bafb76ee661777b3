"""What is said instead of goal.md, on the command line or by a program."""

from __future__ import annotations

import math
from typing import Literal

from overnight.errors import OvernightError
from overnight.goal.settings import Settings, too_many_words


def override(
    settings: Settings,
    *,
    agent: str | None = None,
    experiments: int | None = None,
    hours: float | None = None,
    slots: int | Literal["auto"] | None = None,
) -> Settings:
    """The settings with what the command line says instead. Raises OvernightError for a value out of range."""
    if isinstance(slots, int) and slots < 1:
        raise OvernightError(f"--slots must be at least 1, or `auto`, not {slots}")
    if slots is not None and (too_many := too_many_words(slots, settings.fleet)):
        raise OvernightError(f"--slots {slots}: {too_many}")
    if slots not in (None, 1) and settings.live is not None:
        raise OvernightError("people meet one experiment at a time; leave --slots out")
    for name, value in (("experiments", experiments), ("hours", hours)):
        if value is not None and not 0 < value < math.inf:
            raise OvernightError(f"--{name} must be more than zero, not {value}")
    given = {name: value for name, value in (("experiments", experiments), ("hours", hours)) if value is not None}
    changed = settings.model_copy(update={"stop": settings.stop.model_copy(update=given)})
    said = {name: value for name, value in (("agent", (agent,) if agent else None), ("slots", slots)) if value}
    return changed.model_copy(update=said)
