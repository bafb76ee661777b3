"""Measuring again what a session left: its ledger opened, its fleet made, and both put away after."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from overnight.errors import Interrupted, SessionError
from overnight.fleet.fleets import open_fleet
from overnight.fleet.slot import Slot, Task, Version
from overnight.folders import remove
from overnight.goal.settings import Settings
from overnight.ledger.history import choose_session
from overnight.ledger.reader import require
from overnight.ledger.records import Judged, Measured, Role, SessionStarted
from overnight.ledger.store import Ledger, Recorder
from overnight.loop.confinement import sandbox_of
from overnight.loop.events import RunFinished, RunStarted
from overnight.loop.project import Origin
from overnight.loop.state import State
from overnight.repo.candidate import Scope
from overnight.repo.git import Repository

_T = TypeVar("_T")
Measuring = Generator[RunStarted | RunFinished, None, _T]


@dataclass(frozen=True)
class Again:
    """A session that has kept something, ready to be measured again as it was set up."""

    history: Recorder
    settings: Settings
    started: SessionStarted
    origin: Origin
    kept: list[Judged]
    """In the branch's order, at least one."""
    slot: Slot
    should_stop: Callable[[], bool]

    @property
    def command(self) -> str:
        """What prints the metric here: the goal's `verify:` where it has one."""
        return self.settings.verify or self.settings.score or self.settings.command

    def measure(
        self,
        version: Version,
        number: int,
        role: Role,
        seed: int,
        words: str,
        *,
        inside: tuple[int, ...] | None = None,
        rival: Version | None = None,
    ) -> Measuring[Measured]:
        """Make one run and write it down. Raises Interrupted when asked to stop."""
        if self.should_stop():
            raise Interrupted
        yield RunStarted(number, role, seed, words, self.settings.hard_limit)
        measured = self.slot.measure(Task(version, number, role, seed, rival, self.settings.verify))
        measured = measured.model_copy(update={"inside": inside})
        self.history.append(measured)
        yield RunFinished(measured)
        return measured


@contextlib.contextmanager
def measuring_again(state: State, session: str | None, should_stop: Callable[[], bool]) -> Iterator[Again]:
    """The session (the newest one unless named), locked as long as this lasts.

    Raises SessionError when there is none, or when it has kept nothing.
    """
    if isinstance(state.ledger_place, Path):
        require(state.ledger_place)
    with state.locked(), contextlib.closing(Ledger.open(state.ledger_place)) as ledger:
        history = Recorder(ledger, choose_session(ledger, session, state.home))
        kept = history.kept()
        if not kept:
            raise SessionError(f"session {history.session} has kept nothing yet, so there is nothing to verify")
        started = history.started()
        settings = Settings.recorded(started.settings)
        if settings.live is not None:
            raise SessionError(
                f"session {history.session} was measured by people, and they are not asked again: what each change was "
                "worth stands in `overnight report`"
            )
        repository = Repository.find(state.folder.parent)
        logs = state.logs(history.session)
        fleet = open_fleet(
            repository,
            settings if settings.fleet == "local" else settings.model_copy(update={"slots": 1}),
            started.base,
            session=history.session,
            work=state.work,
            logs=logs,
            sandbox=sandbox_of(started.sandbox),
            should_stop=should_stop,
            machine_type=next((run.machine_type for run in history.baseline_runs()), ""),
            has_worked=True,
        )
        origin = Origin(repository, started.base, Scope(settings.edit))
        try:
            yield Again(history, settings, started, origin, kept, fleet.slots[0], should_stop)
        finally:
            fleet.close()
            remove(state.work)
