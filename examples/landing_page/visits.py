"""What the server keeps, in one folder: which versions are out, who has seen which, and who signed up. Frozen.

A visitor is a random number in a signed cookie. No address, no name, nothing of what was typed is written down.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Side = Literal["incumbent", "candidate"]

TABLES = """
CREATE TABLE IF NOT EXISTS versions_out (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1), trial TEXT NOT NULL, incumbent TEXT NOT NULL, candidate TEXT
);
CREATE TABLE IF NOT EXISTS visits (
    trial TEXT, visitor TEXT, side TEXT NOT NULL, seen REAL NOT NULL, signed_up REAL, problem REAL,
    PRIMARY KEY (trial, visitor)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS visits_by_visitor ON visits (visitor);
"""


@dataclass(frozen=True)
class Out:
    """What people meet: the incumbent alone, or a trial of two versions. The versions are the texts of page.toml."""

    trial: str
    incumbent: str
    candidate: str | None


class Visits:
    """The server's memory. It is used by one thread."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
        self._key = _secret(folder / "key").encode()
        self.token = _secret(folder / "token")
        self._database = sqlite3.connect(folder / "visits.db", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(TABLES)

    def out(self) -> Out | None:
        """What was deployed last; None before the first time."""
        row = self._database.execute("SELECT trial, incumbent, candidate FROM versions_out").fetchone()
        return Out(*row) if row else None

    def deploy(self, out: Out) -> None:
        """Make it what people meet from now on."""
        values = (out.trial, out.incumbent, out.candidate)
        self._database.execute("INSERT OR REPLACE INTO versions_out VALUES (1, ?, ?, ?)", values)

    def new_cookie(self) -> str:
        """A new visitor's number, signed, so that nobody can make one up."""
        visitor = secrets.token_urlsafe(16)
        return f"{visitor}.{self._sign(visitor)}"

    def visitor(self, cookie: str) -> str | None:
        """The number in a cookie that this server signed."""
        visitor, _, signature = cookie.rpartition(".")
        signed = hmac.compare_digest(signature.encode(), self._sign(visitor).encode())
        return visitor if visitor and signed else None

    def side(self, trial: str, visitor: str) -> Side:
        """A fair coin for each visitor and trial, which falls the same way each time they come back."""
        coin = hmac.digest(self._key, f"side\0{trial}\0{visitor}".encode(), hashlib.sha256)[0] & 1
        return "candidate" if coin else "incumbent"

    def takes_part(self, trial: str, visitor: str) -> bool:
        """Whoever signed up in an earlier trial has nothing left to decide: they are in no later one."""
        query = "SELECT 1 FROM visits WHERE visitor = ? AND trial != ? AND signed_up IS NOT NULL"
        return self._database.execute(query, (visitor, trial)).fetchone() is None

    def seen(self, trial: str, visitor: str) -> None:
        """They have seen their version. A reload changes nothing."""
        values = (trial, visitor, self.side(trial, visitor), time.time())
        self._database.execute("INSERT OR IGNORE INTO visits (trial, visitor, side, seen) VALUES (?, ?, ?, ?)", values)

    def note(self, what: Literal["signed_up", "problem"], visitor: str) -> None:
        """They signed up, or say that something is wrong, after the version that they saw last. Counted once."""
        self._database.execute(
            f"UPDATE visits SET {what} = coalesce({what}, ?) WHERE visitor = ? AND seen ="
            " (SELECT max(seen) FROM visits WHERE visitor = ?)",
            (time.time(), visitor, visitor),
        )

    def counts(self, trial: str) -> dict[str, dict[str, int]]:
        """For each side: how many people saw it, how many of them signed up, how many said that something is wrong."""
        query = "SELECT side, count(*), count(signed_up), count(problem) FROM visits WHERE trial = ? GROUP BY side"
        found = {side: numbers for side, *numbers in self._database.execute(query, (trial,))}
        names = ("seen", "signed_up", "problems")
        return {side: dict(zip(names, found.get(side, [0, 0, 0]), strict=True)) for side in ("incumbent", "candidate")}

    def _sign(self, visitor: str) -> str:
        digest = hmac.digest(self._key, f"visitor\0{visitor}".encode(), hashlib.sha256)
        return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")


def _secret(path: Path) -> str:
    """A secret that is made once; its owner alone can read it."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text()
