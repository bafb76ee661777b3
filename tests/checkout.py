"""A user's folder with a real repository in it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Checkout:
    """The folder, and what a user does in it."""

    folder: Path

    def write(self, name: str, text: str) -> None:
        """Put a file into it."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def git(self, *arguments: str) -> str:
        """What git says."""
        who = ["-c", "user.name=Ada", "-c", "user.email=ada@localhost"]
        done = subprocess.run(["git", *who, *arguments], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout

    def commit(self, message: str = "work") -> str:
        """Commit everything."""
        self.git("add", "-A")
        self.git("commit", "-qm", message)
        return self.git("rev-parse", "HEAD").strip()
