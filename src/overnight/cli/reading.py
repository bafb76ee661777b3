"""`status`, `log`, `show`, `report`, `export`: what the ledger says, in the terminal or for programs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from overnight.cli.places import GoalArgument, JsonOption, SessionOption, folder_of, goal_file
from overnight.cli.terminal import safe
from overnight.errors import OvernightError
from overnight.ledger.records import Judged, Measured
from overnight.loop.live import read_live
from overnight.loop.reading import open_history, summary_of
from overnight.loop.underway import Underway
from overnight.morning.export import WRITERS, as_row
from overnight.morning.summary import trust_words
from overnight.morning.words import (
    approval_words,
    cost_words,
    duration_words,
    percent_words,
    place_words,
    trouble_words,
    verified_words,
)


def status(goal: GoalArgument = None, session: SessionOption = None, as_json: JsonOption = False) -> None:
    """How the session stands."""
    with open_history(folder_of(goal), session) as (history, state):
        summary = summary_of(history, state)
        holder = state.holder()
    live = read_live(state) if summary.state == "running" else None
    if as_json:
        typer.echo(json.dumps({**summary.as_json(), **(live or Underway()).as_json()}, ensure_ascii=False))
        return
    why = f" ({summary.last_reason})" if summary.last_reason else f" ({holder})" if summary.state == "running" else ""
    of = f" of {summary.experiments_wanted}" if summary.experiments_wanted else ""
    lines = [
        f"session      {summary.session}, {summary.state}{why}",
        f"experiments  {summary.experiments}{of} in {duration_words(summary.worked_seconds)}, {summary.kept} kept",
    ]
    lines += [f"{'' if place else 'now':<13}{safe(words)}" for place, words in enumerate(live.told() if live else ())]
    if summary.out and summary.state != "running":
        lines.append(f"OUT          people meet the variant of experiment {summary.out}, and nobody watches it: "
                     "`overnight run` goes on with it, Ctrl-C there takes it back")  # fmt: skip
    if summary.awaits_approval is not None and live is None:
        lines.append(f"waits        experiment {summary.awaits_approval}: {approval_words(summary.awaits_approval)}")
    if summary.waits:
        lines.append(f"waits        {safe(summary.waits)}")
    if summary.troubles:
        lines.append(f"troubles     waited {trouble_words(summary.troubles)}")
    if summary.cost or summary.tokens:
        lines.append(f"cost         {cost_words(summary.cost, summary.tokens)}")
    if summary.baseline is not None and summary.incumbent is not None:
        lines.append(f"baseline     {summary.metric} {summary.baseline.metric:.6g} ({summary.baseline.reason})")
        if summary.kept:
            percent = percent_words(summary.improvement_percent)
            lines.append(
                f"best         {summary.metric} {summary.incumbent.metric:.6g}, {percent} "
                f"(experiment {summary.incumbent.number})"
            )
            verified = verified_words(summary.verified) if summary.verified else "not verified: `overnight verify`"
            lines += [] if summary.live else [f"             {verified}"]
            lines.append(f"branch       {summary.branch}")
        lines.append(f"trust        {trust_words(summary)}")
    typer.echo("\n".join(lines))


def log(
    goal: GoalArgument = None,
    session: SessionOption = None,
    as_json: JsonOption = False,
    last: Annotated[int | None, typer.Option("--last", "-n", min=1, help="Only the last N.")] = None,
) -> None:
    """Every experiment, one a line."""
    with open_history(folder_of(goal), session) as (history, _):
        after = max(history.last_number() - last, -1) if last is not None else -1
        for judged in history.judged_after(after):
            typer.echo(json.dumps(as_row(judged), ensure_ascii=False) if as_json else _line(judged))


def show(number: Annotated[int, typer.Argument(help="The experiment.")], goal: GoalArgument = None,
         session: SessionOption = None, as_json: JsonOption = False) -> None:  # fmt: skip
    """One experiment: its patch, all its runs, and the end of what it printed."""
    from overnight.loop.showing import shown

    with open_history(folder_of(goal), session) as (history, _):
        found = shown(history, folder_of(goal), number)
        with_places = history.has_places()
        is_live = bool(history.settings_now().get("live"))
    if as_json:
        typer.echo(json.dumps(found.as_json(), ensure_ascii=False))
        return
    typer.echo(f"experiment {number}: {safe(found.hypothesis)}\n{_verdict_words(found.judged)}\n")
    for line in found.reasons:
        typer.echo(safe(line))
    if found.reasons:
        typer.echo()
    if found.patch:
        print_patch(found.patch)
    if found.runs:
        typer.echo(_looks_table(found.runs) if is_live else _runs_table(found.runs, with_places=with_places))
    if found.tail:
        typer.echo(
            "\nthe end of what it printed:\n" + "\n".join(f"  {line}" for line in safe(found.tail).splitlines()[-20:])
        )


def report(goal: GoalArgument = None, session: SessionOption = None) -> None:
    """Write the report (a page, Markdown and a picture) and say where it is."""
    from overnight.loop.reporting import write

    with open_history(folder_of(goal), session) as (history, state):
        try:
            written = write(history, summary_of(history, state), state)
        except OSError as error:
            raise OvernightError(f"the report cannot be written: {error.strerror}") from None
    for file in written.files:
        typer.echo(file)


def export(
    goal: GoalArgument = None,
    session: SessionOption = None,
    form: Annotated[
        Literal["tsv", "csv", "json"], typer.Option("--format", help="`tsv` is karpathy's results.tsv.")
    ] = "tsv",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Into this file (or folder, with --to).")
    ] = None,
    to: Annotated[
        Literal["mlflow", "tensorboard", "wandb"] | None, typer.Option("--to", help="Into a tool, one run each.")
    ] = None,
    uri: Annotated[str | None, typer.Option("--uri", help="MLflow's tracking server.", show_default=False)] = None,
) -> None:
    """The whole history for other programs."""
    if to is not None:
        from overnight.cli.exporting import send

        send(to, goal_file(goal), session, output, uri)
        return
    with open_history(folder_of(goal), session) as (history, _):
        if output is None:
            WRITERS[form](history, sys.stdout)
            return
        try:
            with output.open("w", encoding="utf-8", newline="") as file:
                WRITERS[form](history, file)
        except OSError as error:
            raise OvernightError(f"{output} cannot be written: {error.strerror}") from None


def _line(judged: Judged) -> str:
    metric = f"{judged.metric:.6g}" if judged.metric is not None else "-"
    gain = f"{judged.gain:+.3g}" if judged.gain is not None else ""
    words = safe(judged.hypothesis) or f"({safe(judged.reason)})"
    return f"{judged.number:>5}  {judged.verdict:<9} {metric:>12} {gain:>10}  {words}"


def _verdict_words(judged: Judged | None) -> str:
    if judged is None:
        return "no verdict yet"
    commit = f", commit {judged.commit[:7]}" if judged.commit else ""
    return f"{judged.verdict}: {safe(judged.reason)}{commit}"


def print_patch(patch: str) -> None:
    """A patch, in colours where somebody reads it."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.syntax import Syntax

        Console().print(Syntax(safe(patch), "diff", theme="ansi_dark", background_color="default"))
    else:
        typer.echo(safe(patch))


def _looks_table(runs: list[Measured]) -> str:
    rows = [f"{'look':>4}  {'met the candidate':>17} {'rate':>9}  {'met the incumbent':>17} {'rate':>9}"]
    for look, run in enumerate(runs, 1):
        met, rate, other, beside = run.trials or 0, run.value or 0, run.rival_trials or 0, run.rival or 0
        rows.append(f"{look:>4}  {met:>17,.0f} {rate:>9.5g}  {other:>17,.0f} {beside:>9.5g}")
    return "\n".join(rows)


def _runs_table(runs: list[Measured], *, with_places: bool) -> str:
    head = f"{'run of the':<16} {'seed':>11} {'outcome':<8} {'metric':>12} {'seconds':>8} {'cpu':>8} {'peak MB':>8}"
    places = [place_words(run.slot, run.machine) for run in runs]
    width = max(map(len, places))
    rows = [head + ("  made in" if with_places else "")]
    for run, place in zip(runs, places, strict=True):
        value = f"{run.value:.6g}" if run.value is not None else "-"
        numbers = f"{run.wall_seconds:>8.2f} {run.cpu_seconds:>8.2f} {run.peak_mb:>8.0f}"
        beside = f"beside {run.rival:.6g}" if run.rival is not None else safe(run.reason)
        where = f"  {safe(place):<{width}}" if with_places else ""
        rows.append(f"{run.role:<16} {run.seed:>11} {run.outcome:<8} {value:>12} {numbers}{where}  {beside}".rstrip())
    return "\n".join(rows)
