"""One version out among people beside another: looked at until something decides, across restarts and pauses.

How long it has been out is read from the ledger, by the wall clock: when the machine sleeps, people go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import TypeVar

from overnight.errors import Trouble
from overnight.fleet.outside import Outside
from overnight.fleet.slot import Version
from overnight.goal.sections import LiveSettings
from overnight.ledger.records import Deployed, Measured, Role, Troubled
from overnight.ledger.store import Recorder
from overnight.loop.events import RunFinished, SessionEvent, TrialLooked, Waiting
from overnight.loop.steering import Steering

_LOOKS = 100
"""In a window, about; closer together where that would be rarer than hourly."""
_SHORTEST, _LONGEST = 0.25, 3600.0
"""Seconds between two looks."""
_TRIES = 3
"""Looks that may fail in a row before the candidate is taken back: nobody would see it do harm. So often a candidate is
let out in vain, too."""
_SOON = 60.0
"""Seconds at most until the next try."""

_T = TypeVar("_T")


class UndeployableError(Exception):
    """A candidate cannot be let out; the text says what the command said."""


Decide = Callable[[Measured | None, float], _T | None]
"""What the newest look and the share of the window that is over come to; None: it goes on."""


@dataclass(frozen=True)
class Trial:
    """`candidate` out beside `incumbent`."""

    history: Recorder
    live: LiveSettings
    outside: Outside
    steering: Steering
    should_stop: Callable[[], bool]
    number: int
    """The experiment; 0 is the incumbent beside itself."""
    role: Role
    hypothesis: str
    incumbent: Version
    candidate: Version
    seed: int

    def course(self, decide: Decide[_T]) -> Generator[SessionEvent, None, _T]:
        """Let the candidate out, and look until `decide` has an answer. It is still out then: see `take_back`.

        Raises Interrupted and PutDown when a person wants that, Trouble when a command fails.
        """
        before = self.newest()
        answer = decide(before, 0.0)
        if answer is None and before is not None:
            # It has been out before. If nothing can be counted now, it had better stay where it is.
            answer = yield from self._look(decide)
        while answer is None:
            yield from self._unpaused()
            answer = decide(self.newest(), 0.0)  # A person may have ended it in the pause.
            if answer is None:
                yield from self._let_out()
                answer = yield from self._watch(decide)
        return answer

    def take_back(self, incumbent: Version) -> None:
        """Let people meet this version alone. Not to be interrupted."""
        self.outside.deploy(self.number, incumbent, None, seed=self.seed)
        self.history.append(Deployed(number=self.number, out=False, incumbent=incumbent.fingerprint))

    def newest(self) -> Measured | None:
        """The newest look that was written down."""
        looks = [run for run in self.history.runs(self.number) if run.role == self.role]
        return looks[-1] if looks else None

    def elapsed(self) -> float:
        """The share of the window that is over."""
        return seconds_out(self.history, self.number) / self.live.window

    def _let_out(self) -> Iterator[SessionEvent]:
        """Deploy both. Raises UndeployableError where that fails again and again, while it works for the incumbent."""
        seed, should_stop = self.seed, self.should_stop
        tries = 1
        while True:
            self.history.append(Deployed(number=self.number, out=True, incumbent=self.incumbent.fingerprint))
            try:
                self.outside.deploy(self.number, self.incumbent, self.candidate, seed=seed, should_stop=should_stop)
            except Trouble as trouble:
                if trouble.kind != "live":
                    raise
                self.take_back(self.incumbent)
                if tries == _TRIES:
                    raise UndeployableError(trouble.reason) from None
                yield from self._wait_out(trouble)
            else:
                return
            tries += 1

    def _watch(self, decide: Decide[_T]) -> Generator[SessionEvent, None, _T | None]:
        """Look again and again. None when a person has paused the session."""
        since = time.time() - seconds_out(self.history, self.number)
        while True:
            answer = yield from self._look(decide)
            if answer is not None:
                return answer
            left = (1 - self.elapsed()) * self.live.window
            pause = max(min(self._between(), left), 0.0)
            newest = self.newest()
            if newest is not None:
                yield TrialLooked(newest, self.hypothesis, since, pause)
            yield from self.steering.rest(pause)
            if self.history.paused() is not None:
                return None

    def _look(self, decide: Decide[_T]) -> Generator[SessionEvent, None, _T | None]:
        """Count, write down what is new, and decide. Raises Trouble after some failures in a row."""
        measured = yield from self._count()
        if _said(measured) != _said(self.newest()) or self._was_in_trouble():
            self.history.append(measured)
            yield RunFinished(measured)
        return decide(measured, self.elapsed())

    def _was_in_trouble(self) -> bool:
        """Whether the newest thing written down is a failure, which the next success takes from the view."""
        last = self.history.last_event()
        return last is not None and isinstance(last.record, Troubled)

    def _count(self) -> Generator[SessionEvent, None, Measured]:
        seed, should_stop = self.seed, self.should_stop
        tries = 1
        while True:
            try:
                return self.outside.measure(
                    self.number, self.role, self.incumbent, self.candidate, seed=seed, should_stop=should_stop
                )
            except Trouble as trouble:
                if trouble.kind != "live" or tries == _TRIES:
                    raise
                yield from self._wait_out(trouble)
            tries += 1

    def _wait_out(self, trouble: Trouble) -> Iterator[SessionEvent]:
        pause = min(self._between(), _SOON)
        self.history.append(Troubled(what="live", reason=trouble.reason, number=self.number, pause=pause))
        yield Waiting("live", trouble.reason, pause)
        yield from self.steering.rest(pause)

    def _between(self) -> float:
        return min(max(self.live.window / _LOOKS, _SHORTEST), _LONGEST)

    def _unpaused(self) -> Iterator[SessionEvent]:
        """Wait until the session is not paused; meanwhile people meet the incumbent alone."""
        if self.history.paused() is not None:
            if self.history.out() is not None:
                self.take_back(self.incumbent)
            yield from self.steering.listen()


def seconds_out(history: Recorder, number: int) -> float:
    """For how long people have met an experiment's candidate, restarts counted."""
    total, since = 0.0, None
    for event in history.deployments(number):
        assert isinstance(event.record, Deployed)
        if since is not None:
            total += max(event.time - since, 0.0)
        since = event.time if event.record.out else None
    return total + (max(time.time() - since, 0.0) if since is not None else 0.0)


def _said(measured: Measured | None) -> object:
    """All that a look has counted."""
    if measured is None:
        return None
    return measured.value, measured.trials, measured.rival, measured.rival_trials, measured.metrics
