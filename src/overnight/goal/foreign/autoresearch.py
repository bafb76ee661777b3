"""karpathy's autoresearch, its clones and forks: a program.md in plain English says it all."""

from __future__ import annotations

from pathlib import Path

from overnight.goal.foreign.problem import Problem

_DOCUMENT = "program.md"


def recognise(folder: Path) -> Problem | None:
    """The problem in `folder`, if it is one of these."""
    if not (folder / _DOCUMENT).is_file():
        return None
    is_a_clone = all((folder / name).is_file() for name in ("train.py", "prepare.py"))
    return Problem("an autoresearch project" if is_a_clone else "a project with a program.md", document=_DOCUMENT)
