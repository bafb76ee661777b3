"""`overnight apply --split`: one branch for each kept change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from overnight.cli.terminal import safe
from overnight.errors import SessionError
from overnight.loop.reading import open_history, summary_of

if TYPE_CHECKING:
    from overnight.loop.split import SplitBranch
    from overnight.loop.split_message import Alone, Group


def split_session(folder: Path, session: str | None, *, measure: bool, bundle: Path | None = None) -> None:
    """Make the branches, measured by themselves first if asked, and say where they are.

    `bundle` is a file that gets them too, for a machine that has the commit on which they stand. Where nothing was
    kept there is none afterwards: for the programs that want one, that is an answer and no mistake.
    """
    from overnight.goal.settings import Settings
    from overnight.loop.project import Origin
    from overnight.loop.split import split
    from overnight.repo.bundle import write_bundle
    from overnight.repo.candidate import Scope
    from overnight.repo.git import Repository

    if bundle is not None and _nothing_is_kept(folder, session):
        bundle.unlink(missing_ok=True)
        typer.echo("Nothing was kept, so there is nothing to bundle.")
        return
    alone = _measured(folder, session) if measure else None
    with open_history(folder, session) as (history, state):
        started = history.started()
        repository = Repository.find(folder)
        if not repository.has(started.base):
            raise SessionError(f"git no longer has the commit that session {history.session} began with")
        origin = Origin(repository, started.base, Scope(Settings.recorded(started.settings).edit))
        summary = summary_of(history, state)
        branches = split(origin, history, summary, alone)
    if bundle is not None:
        write_bundle(repository, [branch.name for branch in branches], started.base, bundle)
    for branch in branches:
        _say(branch, summary.metric)
    count = len(branches)
    typer.echo(
        f"{'One branch' if count == 1 else f'{count} branches'} on commit {started.base[:7]}, where the session began; "
        "`git switch BRANCH` to look at one. Nothing else was changed."
    )


def _nothing_is_kept(folder: Path, session: str | None) -> bool:
    with open_history(folder, session) as (history, _):
        return not history.counts().kept


def _measured(folder: Path, session: str | None) -> dict[Group, Alone]:
    from overnight.cli.run import Flag, stopped_by_signals
    from overnight.cli.view import Watcher
    from overnight.loop.split import AloneMeasured, measure_alone
    from overnight.loop.state import State

    stop = Flag()
    found: dict[Group, Alone] = {}
    with stopped_by_signals(stop.set), Watcher(Console(highlight=False), plain=False) as watcher:
        for event in measure_alone(State.of(folder), session, should_stop=stop.is_set):
            if isinstance(event, AloneMeasured):
                found = dict(event.found)
            else:
                watcher.show(event)
    return found


def _say(branch: SplitBranch, metric: str) -> None:
    from overnight.loop.split_message import alone_words, effect_words

    typer.echo(branch.name)
    for judged in branch.changes:
        typer.echo(f"{judged.number:>6}  {safe(judged.hypothesis)}: {effect_words(judged)}")
    if branch.alone is not None:
        what = "alone" if len(branch.changes) == 1 else "together"
        typer.echo(f"        {what}: {safe(alone_words(branch.alone, metric))}")
    typer.echo(f"        git push origin {branch.name}\n")
