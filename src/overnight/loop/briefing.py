"""The brief as it would be told now, for whoever wants to read it and is not asked for a proposal."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path

from overnight.errors import SessionError
from overnight.goal.document import Goal
from overnight.goal.settings import Settings
from overnight.ledger.history import History
from overnight.loop.assemble import Project, make_brief
from overnight.loop.reading import open_history
from overnight.propose.brief import Brief


def brief_now(goal: Path, session: str | None) -> Brief:
    """What the proposer would be told if it were asked now, in a session of the goal file's folder (None: the newest).

    Its `past` has to be looked at before the ledger is closed, so it is. Raises SessionError where nothing can be told.
    """
    with open_history(goal.parent, session) as (history, _):
        incumbent = history.incumbent()
        if incumbent is None:
            raise SessionError("the baseline is not measured yet, so there is nothing to tell; `overnight run` does it")
        project = Project.of(Goal.read(goal), history.started().base)
        settings = Settings.model_validate(history.settings_now())
        under_way = [proposed for proposed in history.undecided() if proposed.commit]
        number, noise = history.last_number() + 1, _noise(history)
        brief = make_brief(project, settings, history, number, incumbent, noise, under_way)
        past = brief.past()
    return replace(brief, past=lambda: past)


def _noise(history: History) -> float:
    """That of one run, as the newest verdict knows it, or else as the baseline's runs show it."""
    for judged in reversed(history.judged_last(20)):
        if "noise" in judged.evidence:
            return judged.evidence["noise"]
    values = [run.value for run in history.baseline_runs() if run.value is not None]
    return statistics.stdev(values) if len(values) > 1 else 0.0
