"""No idle minute: every slot measures while proposals are thought about, no further ahead than that takes."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence

import pygit2

from overnight.errors import Interrupted, OvernightError, Trouble
from overnight.fleet.slot import Slot
from overnight.goal.settings import SUBMITTED
from overnight.ledger.records import Proposed
from overnight.loop.bench import Bench
from overnight.loop.crew import Crew, InSlot, Thinking, Worker
from overnight.loop.events import NothingProposed, ProposalStarted, SessionEvent, StoodInLine
from overnight.loop.experiment import Experimenter
from overnight.loop.lookahead import proposals_ahead
from overnight.loop.proposing import NothingLeftError, propose
from overnight.loop.queue import Queue
from overnight.loop.reviewing import is_review_due, review
from overnight.loop.steering import PutDown, Steering
from overnight.loop.stopping import Stopping
from overnight.propose.proposer import Proposer

_LOOK_SECONDS = 0.1
_RECENT = 20
"""Experiments from which it is told how long proposals and experiments take."""
_OVERTAKEN = "a change to the same lines was kept meanwhile; submit it again, made on the best version as it is now"


class StuckError(OvernightError):
    """Proposals come to nothing, one after the other: the session is put down until somebody has looked at it."""


class Pipeline:
    """Decides what is begun next, in which slot, and by whom it is thought about."""

    def __init__(
        self,
        bench: Bench,
        crew: Crew,
        slots: Sequence[Worker[Slot]],
        make_thinker: Callable[[int], Worker[Proposer]],
        submitter: Worker[Proposer],
        experimenter: Experimenter,
        steering: Steering,
        stopping: Stopping,
        *,
        most_thinkers: int,
        most_ahead: float,
        is_submitted: Callable[[], bool],
        should_stop: Callable[[], bool],
        think_from: float = 0.0,
    ) -> None:
        """`make_thinker` makes one more proposer with a thread of its own, `most_thinkers` at most; with 0 none thinks.
        `submitter` proposes what others have thought of, as soon as `is_submitted` says that there is something.

        So many proposals are made in advance as keep every slot busy, but `most_ahead` at most; none before
        `think_from`, on the monotonic clock.
        """
        self._bench = bench
        self._crew = crew
        self._slots = slots
        self._make_thinker = make_thinker
        self._thinkers: list[Worker[Proposer]] = []
        self._submitter = submitter
        self._is_submitted = is_submitted
        self._awaited = 0
        """The experiment for which it was told that a submission is awaited."""
        self._most_thinkers = most_thinkers
        self._most_ahead = most_ahead
        self._experimenter = experimenter
        self._steering = steering
        self._stopping = stopping
        self._should_stop = should_stop
        self._think_from = think_from
        self._queue = Queue(bench, experimenter)
        self._measuring: dict[int, Proposed] = {}
        self._thinking: set[int] = set()
        self._reviewing: int | None = None
        """The experiment before which somebody looks back just now."""
        self._proposing_seconds, self._measuring_seconds = self._usual_seconds()
        self._exhausted: tuple[str, str | None] | None = None
        """Why nobody had anything left to try, and on which incumbent."""
        self._is_paused = bench.history.paused() is not None
        self._wrong: Exception | None = None
        """Why nothing new is begun: what is raised once all that is under way has come to its end."""
        self._last: set[int] | None = None
        """A person wants an end: the experiments that are still to be decided."""

    def work(self, look_at_world: Callable[[], None]) -> Iterator[SessionEvent]:
        """Do experiments until a rule ends that, which `over` says then; `look_at_world` raises where it has changed.

        Raises Trouble (or what the system says) when something outside is wrong for now, StuckError, PutDown when a
        person wants an end, and Interrupted when asked to stop at once.
        """
        while True:
            if self._should_stop():
                raise Interrupted
            over = yield from self._unless_wrong(self._begin_more(look_at_world))
            if self._is_at_an_end(over):
                for proposed in self._queue.pop_overtaken():
                    yield self._bench.of_nothing(proposed, "it did not fit the best version any more at the end")
                self.over = over
                return
            yield from self._unless_wrong(self._wait())

    over: str | None = None
    """Which rule has ended it."""

    def _unless_wrong(
        self, steps: Generator[SessionEvent, None, str | None]
    ) -> Generator[SessionEvent, None, str | None]:
        """Take these steps; what goes wrong in them is raised once all that is under way has come to its end."""
        try:
            return (yield from steps)
        except (Trouble, OSError, pygit2.GitError) as error:
            self._wrong = self._wrong or error
        except PutDown:
            begun = {*self._measuring, *(each.number for each in self._queue.in_line)}
            self._last = begun or set(self._thinking)
        return None

    def _begin_more(self, look_at_world: Callable[[], None]) -> Generator[SessionEvent, None, str | None]:
        """Do what people ask for, and begin what there is room for. Returns which rule says that there is no more."""
        yield from self._listen()
        look_at_world()
        self._queue.carry_over()
        yield from self._measure_more()
        return (yield from self._think_more())

    def _wait(self) -> Generator[SessionEvent, None, None]:
        began = time.monotonic()
        yield from self._crew.go_on(_LOOK_SECONDS)
        if self._is_paused and not self._measuring:
            self._stopping.rested(time.monotonic() - began)

    def _is_at_an_end(self, over: str | None) -> bool:
        """Whether all is done. Raises what is wrong, once nothing is under way that might still come to something."""
        if self._measuring or self._next_in_line() is not None:
            return False
        if self._last is not None and not self._last & self._thinking:
            raise self._steering.put_down()
        if self._thinking or not self._crew.is_idle:
            return False
        if self._wrong is not None:
            raise self._wrong
        return over is not None and not self._queue.all

    def _listen(self) -> Iterator[SessionEvent]:
        """Do what a person asks for; what is about experiments that are kept waits until nothing is measured."""
        asked = False
        for event in self._steering.take_note():
            asked = True
            yield event
        if self._steering.waits and not self._measuring and not self._slots[0].is_busy:
            asked = True
            yield from self._crew.begin(self._slots[0], self._steering.take_out(self._experimenter.take_out))
            while self._slots[0].is_busy:
                if self._should_stop():
                    raise Interrupted
                yield from self._crew.go_on(_LOOK_SECONDS)
        if asked:
            self._is_paused = self._bench.history.paused() is not None

    def _next_in_line(self) -> Proposed | None:
        """What waits longest for a slot, of that which may be measured now."""
        if self._is_paused or self._steering.waits:
            return None
        is_only_the_agent = isinstance(self._wrong, Trouble) and self._wrong.kind == "agent"
        if self._wrong is not None and not (is_only_the_agent or isinstance(self._wrong, StuckError)):
            return None
        return next((each for each in self._queue.ready if self._last is None or each.number in self._last), None)

    def _measure_more(self) -> Iterator[SessionEvent]:
        """Let every slot that is free take up what waits longest."""
        for slot in self._slots:
            while not slot.is_busy and (proposed := self._next_in_line()) is not None:
                self._queue.take(proposed)
                self._measuring[proposed.number] = proposed
                yield from self._crew.begin(slot, self._measured(proposed))

    def _measured(self, proposed: Proposed) -> InSlot[None]:
        began = time.monotonic()
        try:
            if proposed.commit is None:  # A kill came between the proposal and its verdict.
                yield self._bench.of_nothing(proposed)
                return
            left = yield from self._experimenter.decide(proposed)
            if left is not None and self._queue.put_back(left):
                yield StoodInLine(left.number)
            self._measuring_seconds.append(time.monotonic() - began)
        finally:
            del self._measuring[proposed.number]

    def _think_more(self) -> Generator[SessionEvent, None, str | None]:
        """Have as many proposals made as are wanted. Returns which rule says that there are to be no more."""
        for proposed in self._queue.pop_overtaken(submitted=True):  # Nobody is there to make it again.
            yield self._bench.of_nothing(proposed, _OVERTAKEN)
        while (submitted := self._takes_submission()) or self._wants_proposal():
            if stuck := self._stopping.stuck():
                self._wrong = StuckError(stuck)
                return None
            if over := self._stopping.reason() or (None if submitted else self._nothing_left()):
                return over
            thinker = self._submitter if submitted else self._free_thinker() if self._queue.has_vacancy() else None
            if thinker is None:
                yield from self._wait_for_submission()
                return None
            yield from self._crew.begin(thinker, self._thought(thinker))
        return self._stopping.reason() if time.monotonic() < self._think_from else None

    def _takes_submission(self) -> bool:
        """Whether something is submitted, and would be measured next: it goes in front of what agents think of."""
        if self._is_paused or self._wrong is not None or self._last is not None or self._submitter.is_busy:
            return False
        is_next = sum(bool(each.request) for each in self._queue.ready) < len(self._slots)
        if self._bench.settings.live is not None:  # People decide about one at a time, made on the best of that time.
            is_next = not (self._measuring or self._queue.all or self._thinking)
        return is_next and self._queue.has_vacancy(anew=False) and self._is_submitted()

    def _wait_for_submission(self) -> Iterator[SessionEvent]:
        """Tell once that nobody here thinks of anything."""
        number = self._queue.next_number
        if self._most_thinkers == 0 and self._awaited != number:
            self._awaited = number
            yield ProposalStarted(number, SUBMITTED)

    def _wants_proposal(self) -> bool:
        if self._is_paused or self._wrong is not None or self._last is not None:
            return False
        if time.monotonic() < self._think_from:
            return False
        ahead = 0.0
        if self._most_ahead and self._proposing_seconds and self._measuring_seconds:
            proposing, measuring = map(statistics.fmean, (self._proposing_seconds, self._measuring_seconds))
            ahead = min(proposals_ahead(len(self._slots), proposing, measuring), self._most_ahead)
        free = sum(not slot.is_busy for slot in self._slots)
        return free + ahead > len(self._queue.ready) + len(self._thinking)

    def _nothing_left(self) -> str | None:
        """Why nobody has anything left to try, if that was on this very incumbent."""
        if self._exhausted is not None and self._exhausted[1] == self._bench.incumbent().commit:
            return self._exhausted[0]
        return None

    def _free_thinker(self) -> Worker[Proposer] | None:
        for thinker in self._thinkers:
            if not thinker.is_busy:
                return thinker
        if len(self._thinkers) == self._most_thinkers:
            return None
        self._thinkers.append(self._make_thinker(len(self._thinkers)))
        return self._thinkers[-1]

    def _thought(self, thinker: Worker[Proposer]) -> Thinking[None]:
        """One proposal, or a review where one is due."""
        bench, noise, name = self._bench, self._experimenter.noise, thinker.means.name
        vacancy = self._queue.fill(anew=thinker is not self._submitter)
        number, is_answered = vacancy.number, False
        self._thinking.add(number)
        try:
            if self._reviewing is None and is_review_due(bench, thinker.means, number):
                self._reviewing = number
                yield from review(bench, name, number=number, noise=noise)
                return  # It may have used up what was left of the money.
            under_way = [*self._measuring.values(), *self._queue.all]
            proposed = yield from propose(
                bench, name, number=number, noise=noise, under_way=under_way, overtaken=vacancy.overtaken
            )
            is_answered = True
            if not proposed.request:
                self._proposing_seconds.append(proposed.seconds)
            if proposed.commit is None:
                yield bench.of_nothing(proposed)
            else:
                self._queue.add(proposed)
        except NothingLeftError as reason:
            self._exhausted = (str(reason), bench.incumbent().commit)
            yield NothingProposed(number)
        finally:
            if self._reviewing == number:
                self._reviewing = None
            self._thinking.discard(number)
            self._queue.filled(vacancy, is_answered=is_answered)

    def _usual_seconds(self) -> tuple[deque[float], deque[float]]:
        """What the last proposals took, and what else the last experiments did."""
        proposing, measuring = deque[float](maxlen=_RECENT), deque[float](maxlen=_RECENT)
        for judged in self._bench.history.judged_last(_RECENT):
            proposed = self._bench.history.proposed(judged.number)
            if proposed is not None:
                proposing.extend([] if proposed.request else [proposed.seconds])
                if judged.runs:
                    measuring.append(max(judged.seconds - proposed.seconds, 0.0))
        if not measuring:
            measuring.extend(run.wall_seconds for run in self._bench.history.baseline_runs())
        return proposing, measuring
