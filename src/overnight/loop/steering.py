"""What people ask of a session that is at work: looked at between two experiments, written down, and carried out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator

from overnight.errors import Interrupted, SessionError
from overnight.ledger.history import History
from overnight.ledger.records import Proposed, Steered
from overnight.ledger.store import Recorder
from overnight.loop.crew import InSlot
from overnight.loop.events import PersonAsked, SessionEvent
from overnight.loop.inbox import Request
from overnight.loop.state import State

Undo = Callable[[Steered], InSlot[None]]
"""Takes an experiment out of the running, and writes the request down together with what comes of it."""
_LOOK_SECONDS = 0.2
_ABOUT_A_PROCESS = ("pause", "resume", "finish")
_ABOUT_A_VARIANT = ("approve", "reject")


class PutDown(Exception):  # noqa: N818 - nothing is wrong
    """A person wants the session put down here; the text is the reason."""


class Steering:
    """Takes note of requests. What was written down by a loop that was killed is not carried out twice."""

    def __init__(self, state: State, history: Recorder, should_stop: Callable[[], bool]) -> None:
        self._state = state
        self._history = history
        self._should_stop = should_stop

    def listen(self) -> Iterator[SessionEvent]:
        """Do what was asked for (see `take_note`), and wait as long as the session is paused.

        Raises PutDown when the session is to end here, Interrupted when asked to stop at once.
        """
        yield from self.take_note()
        while self._history.paused() is not None:
            if self._should_stop():
                raise Interrupted
            time.sleep(_LOOK_SECONDS)
            yield from self.take_note()

    def rest(self, seconds: float = math.inf) -> Iterator[SessionEvent]:
        """Wait, but not for a person who wants something: what they asked for is noted, and the rest is over.

        Raises PutDown when the session is to end here, Interrupted when asked to stop at once.
        """
        until, until_then = time.monotonic() + seconds, time.time() + seconds
        # By either clock: one stands still while the machine sleeps, the other may be set back.
        while time.monotonic() < until and time.time() < until_then:
            if self._should_stop():
                raise Interrupted
            asked = False
            for event in self.take_note():
                yield event
                asked = True
            if asked:
                return
            time.sleep(max(min(until - time.monotonic(), _LOOK_SECONDS), 0.0))

    @property
    def waits(self) -> bool:
        """Whether something was asked for of which nobody has taken note yet."""
        return bool(self._state.inbox.waiting())

    def put_down(self) -> PutDown:
        """What to raise when a person wants an end, once it has come."""
        return PutDown(f"put down after experiment {self._history.last_judged_number()}, as a person asked")

    def take_note(self) -> Iterator[SessionEvent]:
        """Do what was asked for; what is about experiments that are kept or open has to wait for `take_out`."""
        for request in self._state.inbox.waiting():
            steered = self._read(request)
            if steered is not None and not _takes_out(self._history, steered):
                self._history.append(steered)
                yield from self._noted(request, steered)

    def take_out(self, undo: Undo) -> InSlot[None]:
        """Do what was asked for that is about experiments that are kept or open."""
        for request in self._state.inbox.waiting():
            steered = self._read(request)
            if steered is not None and _takes_out(self._history, steered):
                yield from undo(steered)
                yield from self._noted(request, steered)

    def _read(self, request: Request) -> Steered | None:
        """A request as it is to be written down, refused or not; None where it was written down already."""
        if self._history.was_asked(request.request):
            self._state.inbox.clear(request)
            return None
        refused = problem_with(self._history, self._state, request) or ""
        return Steered(**request.model_dump(exclude={"time", "session"}), refused=refused)

    def _noted(self, request: Request, steered: Steered) -> Iterator[SessionEvent]:
        self._state.inbox.clear(request)
        yield PersonAsked(steered)
        if steered.act == "finish" and not steered.refused:
            raise self.put_down()


def ask(history: History, state: State, request: Request) -> None:
    """Leave a request for the session. Raises SessionError, with the reason, where it cannot be carried out."""
    if not history.is_newest(state.home):
        raise SessionError("this is an older session; only the newest one can be steered")
    if problem := problem_with(history, state, request):
        raise SessionError(problem)
    state.inbox.put(request)


def problem_with(history: History, state: State, request: Request) -> str | None:
    """Why a request cannot be carried out, in one sentence; None when it can."""
    number, text = request.number, request.text.strip()
    if request.session not in ("", history.session):
        return f"it was asked of session {request.session}, and this is session {history.session}"
    if request.act in _ABOUT_A_PROCESS:
        holder = state.holder()
        if holder is None or history.stopped() is not None or not history.is_newest(state.home):
            return "nobody is at work on this session; `overnight run` starts or continues it"
        is_paused = history.paused() is not None
        if request.act != "finish" and is_paused == (request.act == "pause"):
            return "it is paused already" if is_paused else "it is not paused"
        return "it was asked of a process that has ended since" if request.time < holder.since else None
    if request.act == "hint":
        return None if text else "there is nothing in it; write what to try"
    if request.act == "withdraw":
        known = any(wish.request == text for wish in history.wishes())
        return None if known else "that does not stand any more"
    if number is None:
        needs_number = request.act in ("take_back", *_ABOUT_A_VARIANT)
        return "say which experiment" if needs_number else None if text else "say what, or which experiment"
    if request.act in _ABOUT_A_VARIANT:
        return _no_say(history, request, number)
    judged = history.judged_number(number) if number > 0 else None
    if judged is None and request.act == "take_back" and number > 0 and history.deployments(number):
        return None  # People meet it, and no more from here on.
    if judged is None:
        is_there = number > 0 and history.proposed(number) is not None
        return f"experiment {number} is not decided yet" if is_there else f"there is no experiment {number}"
    if request.act == "take_back" and judged.verdict != "keep":
        return f"experiment {number} is not kept"
    if request.act != "pin" and number in history.settled():
        return f"experiment {number} was settled long ago and much stands on it; `overnight apply --split` can leave it"

    return None


def _no_say(history: History, request: Request, number: int) -> str | None:
    """Why a live variant cannot be approved or turned down now; None when it can."""
    awaited = history.awaits_approval()
    proposed = awaited.record if awaited else None
    if awaited is not None and isinstance(proposed, Proposed) and proposed.number == number:
        is_older = request.time < awaited.time  # Nobody can have seen what they said yes to.
        return f"it was asked before experiment {number} was there to be looked at" if is_older else None
    said = history.approval(number)
    if said is not None:
        return f"experiment {number} was {'approved' if said.act == 'approve' else 'turned down'} already"
    return f"experiment {number} does not wait for anybody's approval"


def _takes_out(history: History, steered: Steered) -> bool:
    """Whether it is about an experiment that is kept, or may still be."""
    if steered.act not in ("take_back", "forbid") or steered.number is None:
        return False
    judged = history.judged_number(steered.number) if not steered.refused else None
    return judged is not None and (judged.verdict == "keep" or judged.undecided)
