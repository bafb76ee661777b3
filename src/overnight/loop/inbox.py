"""What people ask of a session, from wherever they are: one small file each, until the session has taken note of it.

The ledger has one writer, so whoever is not the loop leaves a request here. A request that was written down but not
yet cleared away, because the loop was killed in between, is known by its name and not carried out again.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from overnight.ledger.records import Act

LONGEST_TEXT = 2000
LARGEST_NUMBER = 2**31 - 1
"""Of an experiment: what a database can hold, and so look for."""
_LARGEST_FILE = 65_536


class Request(BaseModel):
    """What a person asks for: see `Steered`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    act: Act
    session: str = ""
    """Which session it is asked of; "" for whichever is at work."""
    number: int | None = Field(default=None, ge=0, le=LARGEST_NUMBER)
    text: str = Field(default="", max_length=LONGEST_TEXT)
    request: str = Field(default_factory=lambda: secrets.token_hex(8), pattern=r"^[0-9a-f]{16}$")
    time: float = Field(default_factory=time.time)
    """Unix time, seconds."""


@dataclass(frozen=True)
class Inbox:
    """The requests that nobody has taken note of yet."""

    folder: Path

    def put(self, request: Request) -> None:
        """Leave a request, whole or not at all. Raises OSError when it cannot be written."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        place = self._place(request)
        half = place.with_suffix(".half")
        half.write_text(request.model_dump_json(), encoding="utf-8")
        half.replace(place)

    def waiting(self) -> list[Request]:
        """The requests, oldest first. What is no request is passed over."""
        found = [request for place in self.folder.glob("*.json") if (request := self._read(place)) is not None]
        return sorted(found, key=lambda request: (request.time, request.request))

    def _read(self, place: Path) -> Request | None:
        try:
            if not place.is_file() or place.stat().st_size > _LARGEST_FILE:
                return None
            request = Request.model_validate_json(place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return request if place == self._place(request) else None  # Under another name it could not be cleared away.

    def clear(self, request: Request) -> None:
        """Somebody has taken note of it. What cannot be removed does no harm: its name is in the ledger."""
        with contextlib.suppress(OSError):
            self._place(request).unlink()

    def _place(self, request: Request) -> Path:
        return self.folder / f"{request.request}.json"
