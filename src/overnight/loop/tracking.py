"""`mlflow:` — each experiment is in MLflow as soon as it is judged.

It works from the ledger, like the export: what a server that was down has missed, or a loop that was killed has not
sent any more, is made up for at the next verdict or the next start.
"""

from __future__ import annotations

import contextlib
import os
from importlib.util import find_spec
from pathlib import Path

from overnight.errors import GoalError, OvernightError
from overnight.goal.document import Goal
from overnight.goal.settings import Settings
from overnight.ledger.history import History
from overnight.ledger.reader import Source, open_source
from overnight.ledger.records import Proposed
from overnight.loop.companions import BackgroundCompanion, unset_variables
from overnight.loop.events import ExperimentJudged, SessionClosed, SessionEvent, SessionOpened, VerdictChanged
from overnight.loop.patches import candidate_patch
from overnight.morning.tools.mlflow import MlflowSession
from overnight.morning.tools.tracked import TrackedSession, tracked
from overnight.repo.git import Repository

_AT_A_TIME = 50
"""Experiments sent between two looks at the ledger, so that an end is not far."""


class Tracker(BackgroundCompanion):
    """Goes along with a session and keeps MLflow up to date."""

    def __init__(self, uri: str, place: Path | str, folder: Path) -> None:
        """`uri` as goal.md has it; `place` is the ledger's, `folder` the goal's."""
        super().__init__("sending to MLflow")
        self._uri = uri
        self._place = place
        self._folder = folder
        self._session = ""
        self._mlflow: MlflowSession | None = None
        self._sent = 0
        """The newest verdict that MLflow has, as the ledger's event."""
        self._fails = False

    def follow(self, event: SessionEvent) -> None:
        """See `Companion`."""
        if isinstance(event, SessionOpened | ExperimentJudged | VerdictChanged | SessionClosed):
            self.give(event)

    def handle(self, event: SessionEvent) -> None:
        """Bring MLflow up to date; once it fails, a person is told, and not again until it has worked."""
        if isinstance(event, SessionOpened):
            self._session = event.session
        if not (self._work.empty() or isinstance(event, SessionClosed)):
            return  # What is to come asks for the same; after the session's end nothing does.
        try:
            with contextlib.closing(open_source(self._place)) as source:
                self._catch_up(source)
        except OvernightError as error:
            if not self._fails:
                self.say(f"{error} Experiments are sent once it works again")
            self._fails = True
        else:
            self._fails = False

    def _catch_up(self, source: Source) -> None:
        history = History(source, self._session)
        if self._mlflow is None:
            known = TrackedSession.of(history, self._folder.name)
            self._mlflow = MlflowSession(os.path.expandvars(self._uri), known, at_once=1)
        numbers, newest = history.judged_since(self._sent)
        repository = Repository.find(self._folder)

        def patch_of(proposed: Proposed) -> str:
            return candidate_patch(repository, proposed) or ""

        for start in range(0, len(numbers), _AT_A_TIME):
            batch = numbers[start : start + _AT_A_TIME]
            self._mlflow.send(tracked(history, self._mlflow.session, patch_of, batch))
        self._sent = newest


def check_mlflow(settings: Settings, goal: Goal) -> None:
    """Raise GoalError unless what `mlflow:` asks for can be done."""
    if settings.mlflow is None:
        return
    where = f"{goal.at('mlflow')}: `mlflow`:"
    if find_spec("mlflow") is None:
        raise GoalError([f"{where} the package 'mlflow' is not installed; `pip install 'overnight[mlflow]'`"])
    if unset := unset_variables(settings.mlflow):
        raise GoalError([f"{where} ${unset[0]} is not set in the environment; `export {unset[0]}=…` first"])
    if "://" not in os.path.expandvars(settings.mlflow):
        raise GoalError([f"{where} this is no address of a server; write `mlflow: http://HOST:PORT`"])
