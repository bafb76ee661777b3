"""What is said of a program with EVOLVE-BLOCK markers; that they are kept to is seen to where changes are checked."""

from __future__ import annotations

from pathlib import Path

from overnight.goal.suggest import beginning_of


def within_markers(program: Path) -> str:
    """How the reason for an `edit` file ends."""
    return "; only inside its EVOLVE-BLOCKs" if "EVOLVE-BLOCK-START" in beginning_of(program) else ""
