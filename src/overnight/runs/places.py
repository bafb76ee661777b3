"""Where the paths that a goal names really are, and where a copy of the project has them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def place_of(name: str, project: Path) -> Path:
    """A path as goal.md names it: relative to its folder, or below somebody's home."""
    return project / os.path.expanduser(name)  # noqa: PTH111 - Path's own raises where nobody has that home


def named_places(names: Iterable[str], project: Path) -> tuple[Path, ...]:
    """The places that are named, and where they really are."""
    places = (place_of(name, project) for name in names)
    found = (each for place in places for each in (place, place.resolve()) if each.exists())
    return tuple(dict.fromkeys(found))


def hidden_places(names: Iterable[str], project: Path, copy: Path) -> tuple[Path, ...]:
    """Where something is that a guest must not see: as named, and in a copy of the project, links followed."""
    found: list[Path] = []
    for name in names:
        place = place_of(name, project)
        found.append(place)
        if place.is_relative_to(project):
            found.append(copy / place.relative_to(project))
    return tuple(dict.fromkeys(place.resolve() for place in found if place.exists()))
