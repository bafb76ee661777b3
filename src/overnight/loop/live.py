"""What a session is doing this very moment, for whoever watches it from another process.

A small file that is written anew at each step. Only news: what must last is in the ledger, and when nobody is at work
the file says nothing.
"""

from __future__ import annotations

import contextlib
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from overnight.goal.settings import Settings
from overnight.ledger.records import Measured, Role
from overnight.loop.events import (
    ApprovalAwaited,
    GuardsStarted,
    ProposalFinished,
    ProposalStarted,
    Review,
    ReviewStarted,
    RunFinished,
    RunStarted,
    SessionEvent,
    SessionOpened,
    TrialLooked,
)
from overnight.loop.state import State
from overnight.morning.words import approval_words, duration_words

_WORDS: dict[Role, str] = {
    "baseline": "measuring the baseline",
    "candidate": "measuring the candidate",
    "incumbent": "measuring the incumbent again",
    "verify_baseline": "verifying: the baseline",
    "verify_best": "verifying: the best version",
    "verify_part": "verifying: the best version without some changes",
    "verify_candidate": "suspicious: measuring the candidate again",
    "verify_incumbent": "suspicious: measuring the incumbent beside it",
    "control": "is it the machine? running the incumbent",
}


class Slot(BaseModel):
    """What one slot is at."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    slot: int = 0
    step: Literal["proposing", "reviewing", "running", "guarding", "approving", "waiting", "deciding"]
    words: str
    """The same for a person: `measuring the candidate`."""
    number: int
    hypothesis: str = ""
    since: float
    """Unix time, seconds."""
    budget: float | None = None
    """Seconds that it should take."""
    limit: float | None = None
    """Seconds after which it is ended by force."""
    output: str | None = None
    """The file that is being written with what it prints, relative to `.overnight/`."""

    def words_now(self) -> str:
        """What it is at, and for how long, or until when."""
        spent = time.time() - self.since
        if self.step == "waiting" and self.budget is not None:
            return f"{self.words} in {duration_words(round(max(self.budget - spent, 0.0)))}"
        of = f" of {duration_words(self.budget)}" if self.budget else ""
        return f"{self.words}, {duration_words(round(spent))}{of}"


class Live(BaseModel):
    """What a session is at."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session: str
    pid: int
    slots: tuple[Slot, ...] = ()


def slot_of(event: SessionEvent, before: Slot | None, settings: Settings | None, logs: str = "") -> Slot | None:
    """What a slot is at after an event; `before` where the event says nothing about that.

    `logs` is the folder of the session's outputs, relative to `.overnight/`.
    """
    now = time.time()
    told = before.hypothesis if before else ""
    match event:
        case ProposalStarted():
            output = f"{logs}/{event.number}.agent.log"
            words = f"{event.proposer} is thinking"
            return Slot(step="proposing", words=words, number=event.number, since=now, output=output)
        case ProposalFinished():
            number, hypothesis = event.proposed.number, event.proposed.hypothesis
            return Slot(step="deciding", words="deciding", number=number, hypothesis=hypothesis, since=now)
        case ReviewStarted():
            words, output = f"{event.proposer} writes down what it has learned", f"{logs}/{event.number + 1}.review.log"
            return Slot(step="reviewing", words=words, number=event.number, since=now, output=output)
        case RunStarted():
            return Slot(
                step="running",
                words=_WORDS[event.role],
                number=event.number,
                hypothesis=event.hypothesis,
                since=now,
                budget=settings.budget if settings else None,
                limit=event.limit,
                output=f"{logs}/{event.number}-{event.role}-{event.seed}.log",
            )
        case RunFinished() | Review():
            number = before.number if before else 0
            return Slot(step="deciding", words="deciding", number=number, hypothesis=told, since=now)
        case GuardsStarted():
            words = "trying the guards"
            return Slot(step="guarding", words=words, number=event.number, hypothesis=told, since=now)
        case ApprovalAwaited():
            number, hypothesis = event.proposed.number, event.proposed.hypothesis
            words = approval_words(number)
            return Slot(step="approving", words=words, number=number, hypothesis=hypothesis, since=now)
        case TrialLooked():
            enough = settings.live.min_samples if settings and settings.live else 0
            return Slot(
                step="waiting",
                words=f"out since {_clock(event.since)}, met by {_people(event.measured, enough)}; next look",
                number=event.measured.number,
                hypothesis=event.hypothesis,
                since=now,
                budget=event.next_look,
            )
        case _:
            return before


def _clock(time_then: float) -> str:
    then = datetime.fromtimestamp(time_then)
    return f"{then:%H:%M}" if then.date() == datetime.now().date() else f"{then:%Y-%m-%d %H:%M}"


def _people(measured: Measured, enough: int) -> str:
    """How many have met the candidate and the incumbent, and how many are wanted if it is not so many yet."""
    met, other = int(measured.trials or 0), int(measured.rival_trials or 0)
    of = f" of {enough:,}" if min(met, other) < enough else ""
    return f"{met:,}{of} people, the incumbent by {other:,}"


class Pulse:
    """Writes down what the session is at, event by event."""

    def __init__(self, state: State, settings: Settings) -> None:
        self._state = state
        self._place = _place(state)
        self._settings = settings
        self._session = ""
        self._slot: Slot | None = None

    def follow(self, event: SessionEvent) -> None:
        """The session has taken a step. What the disk refuses is none of the session's business: this is only news."""
        if isinstance(event, SessionOpened):
            self._session = event.session
        logs = str(self._state.logs(self._session).relative_to(self._state.folder))
        slot = slot_of(event, self._slot, self._settings, logs)
        if slot is self._slot:
            return
        self._slot = slot
        live = Live(session=self._session, pid=os.getpid(), slots=(slot,) if slot else ())
        half = self._place.with_suffix(".half")
        with contextlib.suppress(OSError):
            half.write_text(live.model_dump_json(), encoding="utf-8")
            half.replace(self._place)

    def end(self) -> None:
        """Nobody is at work any more."""
        with contextlib.suppress(OSError):
            self._place.unlink()


def read_live(state: State) -> Live | None:
    """What the session that is at work is at; None when nobody is at work."""
    if state.holder() is None:
        return None
    try:
        return Live.model_validate_json(_place(state).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _place(state: State) -> Path:
    return state.folder / "now.json"
