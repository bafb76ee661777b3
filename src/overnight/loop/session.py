"""The session: a baseline, then one experiment after another until a rule or a person says stop."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar
from weakref import WeakSet

from overnight.errors import SessionError
from overnight.goal.document import Goal
from overnight.ledger.history import History, last_session, sessions
from overnight.ledger.records import Resumed, Verified
from overnight.ledger.store import Ledger
from overnight.loop.companions import Companion, accompanied
from overnight.loop.confinement import sandbox_of
from overnight.loop.ending import to_the_end
from overnight.loop.events import SessionEvent, SessionOpened
from overnight.loop.frozen import FrozenWorld
from overnight.loop.live import Pulse
from overnight.loop.night import Night
from overnight.loop.notify import check_notify
from overnight.loop.overrides import override
from overnight.loop.project import Project
from overnight.loop.proposers import check_agents, check_plugins
from overnight.loop.reading import open_source, summary_of
from overnight.loop.recovery import AlreadyFinished, agree, take_up
from overnight.loop.state import State
from overnight.loop.telling import Teller
from overnight.loop.tracking import Tracker, check_mlflow
from overnight.loop.troubles import through_troubles
from overnight.loop.verify import DEFAULT_PAIRS, VerificationDone, verify
from overnight.morning.export import as_row
from overnight.morning.summary import Summary
from overnight.repo.branch import SessionRefs

_Event = TypeVar("_Event", bound=SessionEvent)


_running: WeakSet[Generator[SessionEvent]] = WeakSet()


@atexit.register
def _put_down_all() -> None:
    """The program ends while somebody holds what a `run` gave: later, nothing could be written down any more."""
    for events in list(_running):
        events.close()


class Session:
    """One night on one goal. `for event in Session(goal).run(): …` does what `overnight run` does.

    Nothing is held here that the ledger does not know: make a new one after a crash, and it goes on, as `overnight run`
    does with it from the command line. It may be used in a notebook and in any thread.
    """

    def __init__(
        self,
        goal: Goal | Path | str,
        *,
        agent: str | None = None,
        experiments: int | None = None,
        hours: float | None = None,
        seed: int | None = None,
        slots: int | Literal["auto"] | None = None,
        new: bool = False,
        sandbox: bool = True,
    ) -> None:
        """What is given here wins over goal.md.

        Args:
            goal: The goal, or the path of its file.
            agent: Who proposes, as `agent:` in goal.md has it.
            experiments: Stop after so many in the whole session; more than there are already goes on with it.
            hours: Stop after so many hours of work in the whole session.
            seed: Decides the seeds of runs and of the search; 0 unless given.
            slots: How many runs are made at a time.
            new: Begin a new session with the first `run`, and leave the last one where it is.
            sandbox: Whether agent and runs are kept in rooms of their own; without, they may do what you may.

        Raises:
            OvernightError: The set-up is wrong; the message says what to do.
        """
        self.goal = goal if isinstance(goal, Goal) else Goal.read(goal)
        self.settings = override(self.goal.settings, agent=agent, experiments=experiments, hours=hours, slots=slots)
        self._seed = seed
        self._new = new
        self._sandboxed = sandbox
        self._stop_requested = False
        self._name: str | None = None
        self._callbacks: list[tuple[type, Callable[[Any], object]]] = []
        check_plugins(self.settings)
        check_notify(self.settings, self.goal)
        check_mlflow(self.settings, self.goal)
        self.project = Project.of(self.goal)
        check_agents(self.settings, self.project)
        self.state = State.of(self.goal.folder)

    def request_stop(self) -> None:
        """Put the session down as soon as possible; safe to call from a signal handler or another thread."""
        self._stop_requested = True

    def on(self, kind: type[_Event], callback: Callable[[_Event], object]) -> None:
        """Have `callback` called with every event of this kind, before `run` gives it to whoever iterates.

        It is called in the thread that iterates, and the session waits for it. What it raises ends the run, as if it
        were raised in the loop's body; the session can go on from there.
        """
        self._callbacks.append((kind, callback))

    def run(self) -> Generator[SessionEvent]:
        """Work until a stop rule is met or somebody interrupts, telling what happens.

        To leave the loop early (`break`, an exception, Ctrl-C) puts the session down: runs are ended, everything is
        saved, and the next `run` goes on. Whoever keeps the iterator in a variable closes it: `events.close()`.

        Yields:
            What happens, as it happens: one of the events in `SessionEvent`.

        Raises:
            OvernightError: It cannot begin, or cannot go on; the message says what to do.
            AlreadyFinished: There is nothing to do, since a stop rule has ended the session and nothing has changed.
        """
        events = self._events()
        _running.add(events)
        return events

    def _events(self) -> Generator[SessionEvent]:
        place = self.state.place_of_ledger(self.settings.ledger)
        try:
            with self.state.locked(), contextlib.closing(Ledger.open(place)) as ledger:
                self.state.use_ledger(self.settings.ledger)
                pulse = Pulse(self.state, self.settings)
                with (
                    contextlib.closing(pulse),
                    contextlib.closing(accompanied(self._run(ledger), self._companions(place))) as events,
                ):
                    for event in events:
                        pulse.follow(event)
                        self._call_back(event)
                        yield event
        finally:
            self._stop_requested = False

    def work(self) -> Summary:
        """Work to the end, as `run` does, for whoever has no use for events. Returns how the session stands then.

        Where there is nothing left to do, that is all it does.

        Raises:
            OvernightError: It cannot begin, or cannot go on; the message says what to do.
        """
        with contextlib.suppress(AlreadyFinished):
            for _ in self.run():
                pass
        return self.summary()

    def summary(self) -> Summary:
        """How the session stands, as `overnight status` says it. May be asked at any time, also from another thread.

        Raises:
            SessionError: Nothing was run here yet.
        """
        with self._history() as history:
            return summary_of(history, self.state)

    def experiments(self) -> list[dict[str, Any]]:
        """All experiments with their verdicts, as `overnight log --json` says them: `pandas.DataFrame` takes them.

        May be asked at any time, also from another thread.

        Raises:
            SessionError: Nothing was run here yet.
        """
        with self._history() as history:
            return [as_row(judged) for judged in history.judged_after(-1)]

    def verify(self, *, pairs: int = DEFAULT_PAIRS) -> Verified:
        """Measure the baseline and the best version again, on seeds that nobody has used, as `overnight verify` does.

        Args:
            pairs: Runs of each, from 2 to 16; two, where both repeat exactly.

        Raises:
            SessionError: Nothing is kept yet, a run fails, or somebody is at work here.
            Interrupted: `request_stop` was called.
        """
        with self._history() as history:
            name = history.session
        try:
            *_, last = verify(self.state, name, pairs=pairs, should_stop=self._is_stop_requested)
        finally:
            self._stop_requested = False
        assert isinstance(last, VerificationDone), "it is the last event"
        return last.verified

    @contextlib.contextmanager
    def _history(self) -> Iterator[History]:
        """That of the session that was run here last, or else of the goal's newest one, to be read."""
        with open_source(self.state) as source:
            name = self._name or last_session(source, self.goal.path.name, self.state.home)
            if name is None:
                raise SessionError(f"nothing was run for {self.goal.path.name} yet")
            yield History(source, name)

    def _call_back(self, event: SessionEvent) -> None:
        for kind, callback in self._callbacks:
            if isinstance(event, kind):
                callback(event)

    def _companions(self, place: Path | str) -> list[Companion]:
        """Who is to hear of what happens, as goal.md says."""
        settings, companions = self.settings, list[Companion]()
        if settings.notify:
            companions.append(Teller(settings.notify, place, self.goal.path))
        if settings.mlflow:
            companions.append(Tracker(settings.mlflow, place, self.goal.folder))
        return companions

    def _run(self, ledger: Ledger) -> Generator[SessionEvent]:
        sandboxed, home = self._sandboxed, self.state.home
        for session in sessions(ledger, home)[-1:]:
            SessionRefs(self.project.repository, session).clear_temporary_files()
        history = take_up(
            ledger, self.project, self.settings, seed=self._seed, new=self._new, sandboxed=sandboxed, home=home
        )
        started = history.started()
        sandbox = sandbox_of(started.sandbox)
        project = Project.of(self.goal, started.base)
        refs = SessionRefs(project.repository, history.session)
        agree(history, refs)
        before = history.last_event()
        resumed_after = history.counts().experiments if before and before.record.kind != "session_started" else None
        history.append(Resumed(pid=os.getpid(), settings=self.settings.model_dump(mode="json")))
        self._name, self._new = history.session, False
        opened = SessionOpened(
            history.session, self.settings, started.base, resumed_after, tuple(self.project.warnings()), started.sandbox
        )
        frozen = FrozenWorld(project, self.settings, started)
        first = history.last_number() + 1

        def make_night() -> Night:
            return Night(
                project,
                self.settings,
                self.state,
                history,
                refs,
                sandbox=sandbox,
                frozen=frozen,
                seed=started.seed,
                first=first,
                should_stop=self._is_stop_requested,
            )

        def work() -> Generator[SessionEvent, None, str]:
            yield opened
            return (
                yield from through_troubles(
                    self.state, history, make_night, recheck=bool(resumed_after), should_stop=self._is_stop_requested
                )
            )

        yield from to_the_end(history, refs, work())

    def _is_stop_requested(self) -> bool:
        return self._stop_requested
