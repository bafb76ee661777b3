"""One thing that is under way in a session, and how a person is told of it."""

from __future__ import annotations

import time
from typing import Literal

from pydantic import BaseModel, ConfigDict

from overnight.morning.words import duration_words


class Activity(BaseModel):
    """One thing that is under way."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    slot: int | None = 0
    """Where; None for what needs no slot."""
    step: Literal["proposing", "reviewing", "running", "guarding", "approving", "waiting", "deciding"]
    words: str
    """The same for a person: `measuring the candidate`."""
    number: int
    hypothesis: str = ""
    machine: str = ""
    """The slot's machine, as far as a run has told; "" for the session's own."""
    since: float
    """Unix time, seconds."""
    budget: float | None = None
    """Seconds that it should take."""
    limit: float | None = None
    """Seconds after which it is ended by force."""
    output: str | None = None
    """The file that is being written with what it prints, relative to `.overnight/`."""
    course: int | None = None
    """The experiment whose verdict frees the slot; None for what is over when its run is."""

    def words_now(self) -> str:
        """What it is at, and for how long, or until when."""
        spent = time.time() - self.since
        if self.step == "waiting" and self.budget is not None:
            return f"{self.words} in {duration_words(round(max(self.budget - spent, 0.0)))}"
        of = f" of {duration_words(self.budget)}" if self.budget else ""
        return f"{self.words}, {duration_words(round(spent))}{of}"
