"""The brief as the ledger makes it: for whoever is asked for a proposal, and for whoever only wants to read it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from overnight.errors import SessionError
from overnight.goal.document import Goal
from overnight.goal.settings import Settings
from overnight.ledger.history import History
from overnight.ledger.records import Judged, Proposed, Steered
from overnight.loop.project import Project
from overnight.loop.reading import open_history
from overnight.propose.brief import Brief
from overnight.propose.past import Past, effect_words
from overnight.runs.output import of_the_run

_TOLD = 300
"""Experiments that a brief may tell of, the kept ones apart."""


def make_brief(
    project: Project,
    settings: Settings,
    history: History,
    number: int,
    incumbent: Judged,
    noise: float,
    under_way: Sequence[Proposed] = (),
    overtaken: Proposed | None = None,
) -> Brief:
    """All that is known when experiment `number` is to be proposed; `noise` is that of one run.

    `under_way` is what has no verdict yet; `overtaken` is what was proposed for an incumbent that is none any more, and
    is to be proposed again.
    """
    baseline = history.baseline()
    last = next(iter(history.judged_last(1)), None)
    assert baseline is not None
    measured = history.judged_number(overtaken.number) if overtaken is not None else None
    return Brief(
        number=number,
        english=project.goal.english,
        edit=project.scope.patterns,
        metric=settings.metric,
        direction=settings.direction,
        budget_seconds=settings.budget,
        run=settings.command,
        score=settings.score or "",
        files=project.edit_files(incumbent.commit or project.base),
        incumbent_number=incumbent.number,
        incumbent_metric=incumbent.metric or 0.0,
        baseline_metric=baseline.metric or 0.0,
        noise=noise,
        past=lambda: past_of(history),
        last_rule_broken=last.reason if last is not None and last.verdict == "invalid" else None,
        incumbent_commit=incumbent.commit or project.base,
        tokens=settings.brief_tokens,
        window=settings.live.window if settings.live else None,
        wishes=tuple(_wish_words(history, wish) for wish in history.wishes()),
        under_way=tuple(other.hypothesis for other in under_way),
        overtaken=overtaken.hypothesis if overtaken is not None else None,
        overtaken_patch=_patch_of(project, overtaken) if overtaken is not None else "",
        overtaken_effect=effect_words(measured) if measured is not None else "",
    )


def _patch_of(project: Project, proposed: Proposed) -> str:
    return project.repository.patch_if_whole(proposed.parent, proposed.commit or proposed.parent) or ""


def _wish_words(history: History, wish: Steered) -> str:
    """A hint, a pin or a forbid as the proposer is told of it."""
    how = {"hint": "Try this next", "pin": "Keep to this", "forbid": "Leave this alone"}[wish.act]
    judged = history.judged_number(wish.number) if wish.number is not None else None
    about = f"what experiment {judged.number} tried (“{' '.join(judged.hypothesis.split())}”). " if judged else ""
    return f"{how}: {about}{wish.text}"


def past_of(history: History) -> Past:
    """What was tried, as far as a brief may tell of it: what is hidden, a scorer may print."""
    notes, tried = history.review(), history.judged_last(_TOLD)
    if history.settings_now().get("hidden"):
        tried = [judged.model_copy(update={"output_tail": of_the_run(judged.output_tail)}) for judged in tried]
    return Past(
        tried=tried,
        kept=history.kept(),
        notes=notes.text if notes else "",
        notes_upto=notes.number if notes else 0,
    )


def brief_now(goal: Path, session: str | None) -> Brief:
    """What the proposer would be told if it were asked now, in a session of the goal file's folder (None: the newest).

    Its `past` has to be looked at before the ledger is closed, so it is. Raises SessionError where nothing can be told.
    """
    with open_history(goal.parent, session) as (history, _):
        incumbent = history.incumbent()
        if incumbent is None:
            raise SessionError("the baseline is not measured yet, so there is nothing to tell; `overnight run` does it")
        project = Project.of(Goal.read(goal), history.started().base)
        settings = Settings.recorded(history.settings_now())
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
