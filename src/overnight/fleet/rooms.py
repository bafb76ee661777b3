"""The rooms of runs, scorers, comparisons and guards: which parts of a project each of them sees."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from overnight.folders import fresh_folder
from overnight.goal.settings import Settings
from overnight.repo.worktree import Worktree
from overnight.runs.places import hidden_places, named_places
from overnight.runs.sandbox import Limits, Room
from overnight.runs.tools import tool_paths


@dataclass(frozen=True)
class Rooms:
    """Makes rooms for one session."""

    settings: Settings
    project: Path
    """goal.md's folder, as the user has it."""
    work: Path
    """Where the copies are, and the temporary folders."""
    slots: int = 1
    """How many there are on this machine."""

    def of_run(self, command: str, copy: Worktree, artifacts: Path) -> Room:
        """For code that nobody vouches for: its own copy, what it may read, and its artifacts."""
        return Room(
            copy.project,
            sees=(*self._tools(command), copy.folder, *named_places(self.settings.read, self.project)),
            writes=(artifacts,),
            hides=hidden_places(self.settings.hidden, self.project, copy.project),
            tmp=self._fresh_tmp("run-tmp"),
            network=self.settings.run_network,
            limits=Limits.of(self.settings.limits, slots=self.slots),
        )

    def of_scorer(self, command: str, copy: Worktree, artifacts: Path) -> Room:
        """For the frozen scorer: what it measures by, hidden paths too, and the artifacts to read."""
        return Room(
            copy.project,
            sees=(*self._tools(command), copy.folder, artifacts, *self._frozen()),
            tmp=self._fresh_tmp("score-tmp"),
            network=self.settings.score_network,
            limits=Limits.of(self.settings.limits, slots=self.slots),
        )

    def of_comparison(self, command: str, copy: Worktree, sides: Iterable[Worktree], artifacts: Path) -> Room:
        """For the frozen command that measures two versions: it sees both."""
        return Room(
            copy.project,
            sees=(*self._tools(command), copy.folder, *(side.folder for side in sides), *self._frozen()),
            writes=(artifacts,),
            tmp=self._fresh_tmp("run-tmp"),
            network=self.settings.run_network,
            limits=Limits.of(self.settings.limits, slots=self.slots),
        )

    def _frozen(self) -> tuple[Path, ...]:
        return named_places((*self.settings.read, *self.settings.hidden), self.project)

    def _tools(self, command: str) -> tuple[Path, ...]:
        return tool_paths(command, self.project)

    def _fresh_tmp(self, name: str) -> Path:
        folder = self.work / name
        fresh_folder(folder)
        return folder
