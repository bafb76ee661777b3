"""The frozen world watched through the night: programs, packages and data that git does not track."""

from __future__ import annotations

import time

from overnight.errors import SessionError
from overnight.goal.settings import Settings
from overnight.ledger.records import SessionStarted
from overnight.loop.project import Project
from overnight.runs.world import World, differences

_EVERY_SECONDS = 60.0


class FrozenWorld:
    """Looks once a minute whether all is as it was when the session began."""

    def __init__(self, project: Project, settings: Settings, started: SessionStarted) -> None:
        self._world = World(settings, project.goal.folder, project.repository.tracked(project.base))
        self._before = dict(started.world)
        self._looked_at = -_EVERY_SECONDS

    def must_be_the_same(self) -> None:
        """Raise SessionError, which says what has changed, unless all is as it was."""
        if not self._before or time.monotonic() - self._looked_at < _EVERY_SECONDS:
            return
        changed = differences(self._before, self._world.look())
        self._looked_at = time.monotonic()
        if changed:
            raise SessionError(
                f"{changed[0]} is not what it was when the session began"
                + (f" (nor are {len(changed) - 1} more)" if len(changed) > 1 else "")
                + ", so runs before and after could not be compared. Put it back and run `overnight run` again, or "
                "start afresh with --new; nothing is lost"
            )
