"""The session: a baseline, then one experiment after another until a rule or a person says stop."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from random import Random
from typing import Literal

import pygit2

from overnight.errors import GoalError, Interrupted, OvernightError, Trouble, explain_os
from overnight.goal.document import Goal
from overnight.goal.settings import Settings
from overnight.ledger.history import sessions
from overnight.ledger.records import Resumed, Stopped, Troubled
from overnight.ledger.store import Ledger, Recorder
from overnight.loop.assemble import Project, check_agents, check_plugins
from overnight.loop.companions import Companion, accompanied
from overnight.loop.confinement import sandbox_of
from overnight.loop.events import (
    Notice,
    SessionClosed,
    SessionEvent,
    SessionOpened,
    Waiting,
    is_progress,
)
from overnight.loop.frozen import FrozenWorld
from overnight.loop.live import Pulse
from overnight.loop.night import Night
from overnight.loop.notify import check_notify
from overnight.loop.patience import Patience
from overnight.loop.pipeline import StuckError
from overnight.loop.recovery import agree, take_up
from overnight.loop.state import State
from overnight.loop.steering import PutDown, Steering
from overnight.loop.telling import Teller
from overnight.loop.tracking import Tracker, check_mlflow
from overnight.repo.branch import SessionRefs


class Session:
    """One night on one goal. `for event in Session(goal).run(): …` does what `overnight run` does.

    Nothing is held here that the ledger does not know: make a new one after a crash, and it goes on.
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
        """What is given here wins over goal.md. Raises OvernightError when the set-up is wrong."""
        self.goal = goal if isinstance(goal, Goal) else Goal.read(goal)
        self.settings = override(self.goal.settings, agent=agent, experiments=experiments, hours=hours, slots=slots)
        self._seed = seed
        self._new = new
        self._sandboxed = sandbox
        self._stop_requested = False
        check_agents(self.settings, self.goal)
        check_plugins(self.settings)
        check_notify(self.settings, self.goal)
        check_mlflow(self.settings, self.goal)
        self.project = Project.of(self.goal)
        self.state = State.of(self.goal.folder)

    def request_stop(self) -> None:
        """Put the session down as soon as possible; safe to call from a signal handler or another thread."""
        self._stop_requested = True

    def run(self) -> Iterator[SessionEvent]:
        """Work until a stop rule is met or somebody interrupts, telling what happens.

        Raises OvernightError when it cannot begin or go on, AlreadyFinished when there is nothing to do.
        """
        place = self.state.place_of_ledger(self.settings.ledger)
        with self.state.locked(), contextlib.closing(Ledger.open(place)) as ledger:
            self.state.use_ledger(self.settings.ledger)
            pulse = Pulse(self.state, self.settings)
            try:
                for event in accompanied(self._run(ledger), self._companions(place)):
                    pulse.follow(event)
                    yield event
            finally:
                pulse.end()

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
        yield SessionOpened(
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

        try:
            reason = yield from self._through_troubles(history, make_night, recheck=bool(resumed_after))
        except PutDown as wish:
            yield from _about_the_trial(history)
            yield _put_down(history, finished=False, reason=str(wish))
            return
        except (Interrupted, KeyboardInterrupt):
            yield from _about_the_trial(history)
            yield _put_down(history, finished=False, reason="interrupted")
            return
        except StuckError as error:
            yield _put_down(history, finished=False, reason=str(error), failed=True)
            raise OvernightError(f"{error}. Change that and run `overnight run` again; nothing is lost") from None
        except GoalError:
            raise
        except OvernightError as error:
            yield _put_down(history, finished=False, reason=str(error), failed=True)
            raise
        finally:
            refs.clear_temporary_files()
        yield from _about_the_branch(history, refs)
        yield _put_down(history, finished=True, reason=reason)

    def _through_troubles(
        self, history: Recorder, make_night: Callable[[], Night], *, recheck: bool
    ) -> Generator[SessionEvent, None, str]:
        """Work, wait when something outside is wrong, and go on from the ledger. Returns which rule has ended it."""
        patience = Patience(Random())
        while True:
            try:
                with make_night() as night:
                    for event in night.work(recheck=recheck):
                        if is_progress(event):
                            patience.progress()
                        yield event
                    return night.over or ""
            except Trouble as error:
                trouble = error
            except (OSError, pygit2.GitError) as error:
                trouble = _as_trouble(error)
            recheck = False
            pause = patience.pause(trouble, is_first_proposal=_never_proposed(history))
            if pause is None:
                _let_nothing_out(history, make_night)
                raise OvernightError(
                    f"{trouble.reason}. It was tried again and again; mend that and run `overnight run` again, "
                    "nothing is lost"
                )
            with contextlib.suppress(OvernightError):
                troubled = {"what": trouble.kind, "reason": trouble.reason, "pause": pause}
                history.append(Troubled.model_validate({**trouble.used, **troubled}))
            yield Waiting(trouble.kind, trouble.reason, pause)
            try:
                yield from self._wait(pause, Steering(self.state, history, self._is_stop_requested))
            except (Interrupted, PutDown):
                _let_nothing_out(history, make_night)
                raise

    def _wait(self, seconds: float, steering: Steering) -> Iterator[SessionEvent]:
        """Wait, but not for somebody who wants to stop. Raises Interrupted and PutDown."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._stop_requested:
                raise Interrupted
            with contextlib.suppress(Trouble, OSError):  # It may be the ledger that is not to be had: then it waits.
                yield from steering.take_note()
            time.sleep(min(left, 0.1))

    def _is_stop_requested(self) -> bool:
        return self._stop_requested


def _let_nothing_out(history: Recorder, make_night: Callable[[], Night]) -> None:
    """The session ends while it waits: a variant that could not be taken back is tried a last time."""
    if history.out() is not None:
        with make_night():
            pass


def _never_proposed(history: Recorder) -> bool:
    with contextlib.suppress(Trouble):
        return history.count("proposed") == 0
    return False


def _as_trouble(error: OSError | pygit2.GitError) -> Trouble:
    if isinstance(error, pygit2.GitError):
        return Trouble("git", f"git could not do its part: {error}")
    explained = explain_os(error, "the system refused something that the session needs")
    if not isinstance(explained, Trouble):
        raise explained from error
    return explained


def _about_the_branch(history: Recorder, refs: SessionRefs) -> Iterator[Notice]:
    """What the user has to know of a branch that they have stood on, or committed to."""
    incumbent = history.incumbent()
    if incumbent is not None and incumbent.commit != refs.branch_tip():
        wanted = (incumbent.commit or "")[:7]
        yield Notice(
            f"{refs.branch} is checked out, so it was not moved; switch to another branch, and `overnight doctor` "
            f"moves it to {wanted}, which is the best version"
        )
    for branch in refs.set_aside():
        yield Notice(f"what somebody else had committed to {refs.branch} is on {branch} now")


def _about_the_trial(history: Recorder) -> Iterator[Notice]:
    """That a live experiment rests: nobody would see it do harm."""
    last = history.last_deployed()
    if last is not None and last.number and history.judged_number(last.number) is None:
        yield Notice(
            f"people meet the incumbent alone again; `overnight run` lets experiment {last.number} out once more and "
            "goes on with its counts"
        )


def _put_down(history: Recorder, *, finished: bool, reason: str, failed: bool = False) -> SessionClosed:
    """Write down why the session ends. Where even that cannot be written, it is as if it had been killed."""
    with contextlib.suppress(Trouble):
        history.append(Stopped(finished=finished, reason=reason, failed=failed))
    return SessionClosed(finished, reason, failed)


def override(
    settings: Settings,
    *,
    agent: str | None = None,
    experiments: int | None = None,
    hours: float | None = None,
    slots: int | Literal["auto"] | None = None,
) -> Settings:
    """The settings with what the command line says instead. Raises OvernightError for a value out of range."""
    if isinstance(slots, int) and slots < 1:
        raise OvernightError(f"--slots must be at least 1, or `auto`, not {slots}")
    if slots not in (None, 1) and settings.live is not None:
        raise OvernightError("people meet one experiment at a time; leave --slots out")
    for name, value in (("experiments", experiments), ("hours", hours)):
        if value is not None and not 0 < value < math.inf:
            raise OvernightError(f"--{name} must be more than zero, not {value}")
    given = {name: value for name, value in (("experiments", experiments), ("hours", hours)) if value is not None}
    changed = settings.model_copy(update={"stop": settings.stop.model_copy(update=given)})
    said = {name: value for name, value in (("agent", (agent,) if agent else None), ("slots", slots)) if value}
    return changed.model_copy(update=said)
