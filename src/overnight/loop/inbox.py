"""What people ask of a session, from wherever they are: one small file each, until the session has taken note of it.

The ledger has one writer, so whoever is not the loop leaves a letter here: a request, or a change to be measured. One
that was written down but not yet cleared away, because the loop was killed in between, is known by its name and not
carried out again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field

from overnight.folders import write_whole
from overnight.ledger.records import Act

LONGEST_TEXT = 2000
LARGEST_NUMBER = 2**31 - 1
"""Of an experiment: what a database can hold, and so look for."""
LONGEST_PATCH = 200_000
"""Of a submission, in characters."""


class Letter(BaseModel):
    """Anything that is left for the session."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    session: str = ""
    """Which session it is for; "" for whichever is at work."""
    request: str = Field(default_factory=lambda: secrets.token_hex(8), pattern=r"^[0-9a-f]{16}$")
    """Its own name."""
    time: float = Field(default_factory=time.time)
    """Unix time, seconds."""


class Request(Letter):
    """What a person asks for: see `Steered`."""

    act: Act
    number: int | None = Field(default=None, ge=0, le=LARGEST_NUMBER)
    text: str = Field(default="", max_length=LONGEST_TEXT)


class Submission(Letter):
    """A change to be measured, thought of by somebody outside the session."""

    hypothesis: str = Field(max_length=LONGEST_TEXT)
    patch: str = Field(max_length=LONGEST_PATCH)
    """A unified diff on the best version, with paths relative to goal.md's folder."""

    @classmethod
    def of(cls, session: str, hypothesis: str, patch: str) -> Self:
        """Named by what it says, so that the same sent twice is one. Raises ValueError where it is too long."""
        said = json.dumps([session, hypothesis, patch]).encode()
        name = hashlib.sha256(said).hexdigest()[:16]
        return cls(session=session, hypothesis=hypothesis, patch=patch, request=name)


_Letter = TypeVar("_Letter", bound=Letter)


@dataclass(frozen=True)
class Mailbox(Generic[_Letter]):
    """The letters of one kind of which nobody has taken note yet."""

    folder: Path

    kind: ClassVar[type[Letter]]
    largest: ClassVar[int]
    """Of a letter's file, in bytes."""

    def put(self, letter: _Letter) -> None:
        """Leave a letter, whole or not at all. Raises OSError when it cannot be written."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        write_whole(self._place(letter.request), letter.model_dump_json())

    def count(self) -> int:
        """How many files lie here, letters or not."""
        return sum(1 for _ in self.folder.glob("*.json"))

    def waiting(self) -> list[_Letter]:
        """The letters, oldest first. What is none is passed over."""
        found = [letter for place in self.folder.glob("*.json") if (letter := self._read(place)) is not None]
        return sorted(found, key=lambda letter: (letter.time, letter.request))

    def _read(self, place: Path) -> _Letter | None:
        try:
            if not place.is_file() or place.stat().st_size > self.largest:
                return None
            letter = self.kind.model_validate_json(place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        # Under another name it could not be cleared away.
        return cast("_Letter", letter) if place == self._place(letter.request) else None

    def clear(self, letter: _Letter) -> None:
        """Somebody has taken note of it. What cannot be removed does no harm: its name is in the ledger."""
        with contextlib.suppress(OSError):
            self._place(letter.request).unlink()

    def holds(self, request: str) -> bool:
        """Whether the letter of that name lies here."""
        return self._place(request).exists()

    def _place(self, request: str) -> Path:
        return self.folder / f"{request}.json"


class Inbox(Mailbox[Request]):
    """What people have asked for."""

    kind = Request
    largest = 65_536


class Submissions(Mailbox[Submission]):
    """The changes that are to be measured."""

    kind = Submission
    largest = 8 * LONGEST_PATCH
