"""Who was written to, what came back, and who is never to be written to again: mail/memory.db. Frozen.

A letter is written down before it is sent. Whoever stands here was written to, or may have been: nobody is asked twice,
whatever happens between the mail server's yes and the note of it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from settings import person

Side = Literal["incumbent", "candidate"]
What = Literal["bounced", "replied", "opted_out", "complained"]
DAY = 24 * 3600

TABLES = """
CREATE TABLE IF NOT EXISTS key (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS versions_out (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1), trial TEXT NOT NULL, incumbent TEXT NOT NULL, candidate TEXT
);
CREATE TABLE IF NOT EXISTS letters (
    person TEXT PRIMARY KEY, token TEXT UNIQUE NOT NULL, trial TEXT NOT NULL, side TEXT NOT NULL, written REAL NOT NULL,
    sent REAL, bounced REAL, replied REAL, opted_out REAL, complained REAL
);
CREATE INDEX IF NOT EXISTS letters_by_trial ON letters (trial);
CREATE INDEX IF NOT EXISTS letters_by_time ON letters (written);
CREATE TABLE IF NOT EXISTS never_again (person TEXT PRIMARY KEY, why TEXT NOT NULL, since REAL NOT NULL);
CREATE TABLE IF NOT EXISTS read_up_to (folder TEXT PRIMARY KEY, validity INTEGER NOT NULL, uid INTEGER NOT NULL);
"""


@dataclass(frozen=True)
class Out:
    """What goes out: nothing while there is no candidate, else either letter. They are the texts of email.md."""

    trial: str
    incumbent: str
    candidate: str | None


class Memory:
    """The database. One process at a time writes: the others wait for it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
        self._database = sqlite3.connect(folder / "memory.db", timeout=120, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(TABLES)
        self._database.execute("INSERT OR IGNORE INTO key VALUES (1, ?)", (secrets.token_hex(32),))
        (key,) = self._database.execute("SELECT key FROM key").fetchone()
        self._key = bytes.fromhex(key)

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """All of it, or nothing."""
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def out(self) -> Out | None:
        """What was deployed last."""
        row = self._database.execute("SELECT trial, incumbent, candidate FROM versions_out").fetchone()
        return Out(*row) if row else None

    def deploy(self, out: Out) -> None:
        """From now on, this goes out."""
        values = (out.trial, out.incumbent, out.candidate)
        self._database.execute("INSERT OR REPLACE INTO versions_out VALUES (1, ?, ?, ?)", values)

    def side(self, trial: str, who: str) -> Side:
        """A fair coin for each person and trial. It falls the same way when a letter has to be tried again."""
        coin = hmac.digest(self._key, f"{trial}\0{who}".encode(), hashlib.sha256)[0] & 1
        return "candidate" if coin else "incumbent"

    def left_today(self, a_day: int) -> int:
        """How many letters the limit still allows now."""
        query = "SELECT count(*) FROM letters WHERE written > ?"
        (written,) = self._database.execute(query, (time.time() - DAY,)).fetchone()
        return max(0, a_day - int(written))

    def not_to_be_asked(self) -> set[str]:
        """Everybody who was written to, in any trial, and everybody who wants to hear no more."""
        query = "SELECT person FROM letters UNION SELECT person FROM never_again"
        return {who for (who,) in self._database.execute(query)}

    def write_down(self, who: str, trial: str, side: Side) -> str | None:
        """The token of a letter that is about to be sent; None if this person must not get one."""
        token = secrets.token_hex(12)
        # On the disk before the letter leaves, whatever happens to the machine. Of all that is noted later, a power cut
        # may take the last moments: a letter then counts as sent, and a mail is read again.
        self._database.execute("PRAGMA synchronous = FULL")
        done = self._database.execute(
            "INSERT OR IGNORE INTO letters (person, token, trial, side, written) SELECT ?, ?, ?, ?, ?"
            " WHERE NOT EXISTS (SELECT 1 FROM never_again WHERE person = ?)",
            (who, token, trial, side, time.time(), who),
        )
        self._database.execute("PRAGMA synchronous = NORMAL")
        return token if done.rowcount else None

    def sent(self, token: str) -> None:
        """The mail server has said yes."""
        self._database.execute("UPDATE letters SET sent = ? WHERE token = ?", (time.time(), token))

    def not_sent(self, token: str) -> None:
        """The mail server has said no, for now: surely nothing left, so that it may be tried again."""
        self._database.execute("DELETE FROM letters WHERE token = ? AND sent IS NULL", (token,))

    def find(self, tokens: list[str], addresses: list[str]) -> str | None:
        """The token of the letter that is meant: by the thread, else by the person."""
        for column, values in (("token", tokens), ("person", [person(address) for address in addresses])):
            for value in values:
                row = self._database.execute(f"SELECT token FROM letters WHERE {column} = ?", (value,)).fetchone()
                if row is not None:
                    return str(row[0])
        return None

    def note(self, token: str, what: What) -> None:
        """It happened to this letter, once. Who bounces, stops or complains is not written to again."""
        self._database.execute(f"UPDATE letters SET {what} = coalesce({what}, ?) WHERE token = ?", (time.time(), token))
        if what != "replied":
            (who,) = self._database.execute("SELECT person FROM letters WHERE token = ?", (token,)).fetchone()
            self.never_again(who, what)

    def never_again(self, address: str, why: str) -> None:
        """For good: over trials, sessions and lists."""
        values = (person(address), why, time.time())
        self._database.execute("INSERT OR IGNORE INTO never_again VALUES (?, ?, ?)", values)

    def read_up_to(self, folder: str, validity: int) -> int:
        """The last mail of the folder that was looked at; 0 where the server has numbered them anew."""
        query = "SELECT uid FROM read_up_to WHERE folder = ? AND validity = ?"
        row = self._database.execute(query, (folder, validity)).fetchone()
        return int(row[0]) if row else 0

    def has_read(self, folder: str, validity: int, uid: int) -> None:
        """That mail was looked at."""
        self._database.execute("INSERT OR REPLACE INTO read_up_to VALUES (?, ?, ?)", (folder, validity, uid))

    def first_letter(self) -> float | None:
        """When the first letter of all was written."""
        row = self._database.execute("SELECT min(written) FROM letters").fetchone()
        return None if row[0] is None else float(row[0])

    def counts(self, trial: str) -> dict[str, dict[str, int]]:
        """For each side: letters that were not sent back, answers, and what the guards look at."""
        names = ("delivered", "replies", "optouts", "complaints", "bounces")
        query = (
            "SELECT side, sum(bounced IS NULL), sum(bounced IS NULL AND replied IS NOT NULL), count(opted_out),"
            " count(complained), count(bounced) FROM letters WHERE trial = ? GROUP BY side"
        )
        found = {side: numbers for side, *numbers in self._database.execute(query, (trial,))}
        return {side: dict(zip(names, found.get(side, [0] * 5), strict=True)) for side in ("incumbent", "candidate")}
