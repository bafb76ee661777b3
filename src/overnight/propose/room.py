"""The agent's room: a copy of the project in which only what may be edited can be written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from overnight.folders import fresh_folder
from overnight.goal.settings import Settings
from overnight.propose.agents.agent import Needs
from overnight.propose.agents.needs import copy_config
from overnight.repo.candidate import Scope
from overnight.repo.worktree import Worktree
from overnight.runs.places import hidden_places, named_places
from overnight.runs.sandbox import Limits, Room, Sandbox
from overnight.runs.tools import tool_paths

_MOST_FROZEN = 300
"""Files and folders in one folder that are protected one by one; where there are more, changes are found afterwards."""


def agent_room(
    command: str,
    needs: Needs,
    settings: Settings,
    copy: Worktree,
    scope: Scope,
    brief: Path,
    tmp: Path,
    sandbox: Sandbox,
    *,
    keeps_home: bool = False,
) -> Room:
    """Where the agent works. `copy` is checked out, `tmp` is emptied and gets the agent's own settings.

    With `keeps_home` the agent finds in its home what it left there: its conversation.

    The folders of the `edit` files are open, because editors write a new file beside the old one and put it in its
    place; everything else in them is mounted read-only.
    """
    home = tmp / "home"
    keeps_home = keeps_home and home.is_dir() and not home.is_symlink()
    if not keeps_home:
        fresh_folder(tmp)
    editable = scope.literal if scope.literal is not None else scope.of(copy.paths())
    open_folders = {copy.project / PurePosixPath(path).parent for path in editable if (copy.project / path).exists()}
    project = copy.repository.root / copy.repository.prefix
    room = Room(
        copy.project,
        sees=(*tool_paths(command, project), copy.folder, brief, *named_places(settings.read, project)),
        writes=tuple(sorted(open_folders)),
        frozen=tuple(place for folder in sorted(open_folders) for place in _frozen(copy, scope, folder, open_folders)),
        hides=hidden_places(settings.hidden, project, copy.project),
        tmp=tmp,
        network=needs.network if settings.agent_network is None else settings.agent_network,
        limits=Limits.of(settings.limits),
    )
    if sandbox.confines and not keeps_home:
        home.mkdir()
        copy_config(needs, home)
    return room


def _frozen(copy: Worktree, scope: Scope, folder: Path, open_folders: set[Path]) -> Iterator[Path]:
    """What in an open folder must not be written."""
    entries = list(os.scandir(folder))
    if len(entries) > _MOST_FROZEN:
        return
    for entry in entries:
        place = Path(entry.path)
        if entry.is_symlink() or place in open_folders:
            continue
        if entry.is_dir() or not scope.allows(place.relative_to(copy.project).as_posix()):
            yield place
