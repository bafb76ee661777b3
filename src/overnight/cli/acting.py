"""`overnight apply` and `overnight demo`: what changes a folder of the user's, because they asked for it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from overnight.cli.places import GoalArgument, SessionOption, folder_of
from overnight.errors import OvernightError, SessionError
from overnight.ledger.history import History
from overnight.morning.summary import Summary, improvement_percent


def apply(
    goal: GoalArgument = None,
    session: SessionOption = None,
    split: Annotated[bool, typer.Option("--split", help="Make a branch for each kept change instead.")] = False,
    measure: Annotated[bool, typer.Option("--measure", help="With --split: measure each by itself first.")] = False,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", help="With --split: put them into this file too (`git bundle`).")
    ] = None,
) -> None:
    """Put the kept changes onto the branch that is checked out."""
    if measure and not split:
        raise OvernightError("--measure is about the branches that --split makes; `overnight verify` measures the best")
    if bundle and not split:
        raise OvernightError("--bundle is about the branches that --split makes; give both")
    if split:
        from overnight.cli.splitting import split_session

        split_session(folder_of(goal), session, measure=measure, bundle=bundle)
        return
    from overnight.loop.reading import open_history
    from overnight.repo.apply import apply_kept
    from overnight.repo.git import Repository

    folder = folder_of(goal)
    with open_history(folder, session) as (history, _):
        started, incumbent, kept = history.started(), history.incumbent(), history.counts().kept
    if incumbent is None or incumbent.commit is None or not kept:
        raise SessionError(f"session {history.session} has kept nothing, so there is nothing to apply")
    repository = Repository.find(folder)
    if not repository.has(incumbent.commit):
        raise SessionError(f"git no longer has the kept changes of session {history.session}")
    applied = apply_kept(repository, started.base, incumbent.commit)
    if not applied.commits:
        typer.echo("Your branch has all kept changes already.")
        return
    how = "fast-forwarded" if applied.fast_forward else "cherry-picked"
    where = "your branch" if applied.onto_branch else "the commit that is checked out"
    hint = "" if applied.onto_branch else " It is on no branch: `git switch -c NAME` makes one."
    typer.echo(f"{applied.commits} kept {'change' if applied.commits == 1 else 'changes'} {how} onto {where}.{hint}")


def demo(
    folder: Annotated[Path, typer.Argument(help="Where to put it; must not exist yet, or hold this demo.")] = Path(
        "overnight-demo"
    ),
    experiments: Annotated[int | None, typer.Option(help="How many in all.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the search and the runs.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="No live display.")] = False,
) -> None:
    """Copy a small language model into a folder and improve it there: no key, no GPU, five minutes."""
    from overnight.cli.run import make_repository, say_result, stopped_by_signals, verify_session, watch_session
    from overnight.loop.reading import open_history, summary_of
    from overnight.loop.recovery import AlreadyFinished
    from overnight.loop.reporting import write
    from overnight.loop.session import Session
    from overnight.morning.summary import headline
    from overnight.repo.git import git_program
    from overnight.runs.sandbox import find_sandbox

    console = Console(highlight=False)
    folder = folder.absolute()
    if not (folder / ".overnight").exists():
        _copy_example(folder)
        git_program(["init", "--quiet"], folder)  # Its own, also where the folder lies in another repository.
        make_repository(folder, console)
    sandboxed = find_sandbox() is not None
    if not sandboxed:
        console.print("There is no sandbox on this machine; the demo's own code runs without one.", soft_wrap=True)
    session = Session(folder / "goal.md", experiments=experiments, seed=seed, sandbox=sandboxed)
    try:
        with stopped_by_signals(session.request_stop):
            if watch_session(session, console, plain=plain) is not None:
                say_result(folder, console)
                console.print(f"Interrupted; everything is saved. `overnight demo {folder.name}` goes on where it was.")
                raise typer.Exit(130)
    except AlreadyFinished as news:
        console.print(str(news), soft_wrap=True)
    with open_history(folder, None) as (history, state):
        kept, is_verified = history.counts().kept, summary_of(history, state).verified is not None
    if kept and not is_verified:
        console.print("\nIs it real? Measuring baseline and best again, on text that nobody has seen:")
        verify_session(folder, None, console, pairs=5, plain=plain)
    with open_history(folder, None) as (history, state):
        summary = summary_of(history, state)
        written = write(history, summary, state)
        _show_result(history, summary, console)
    console.print(f"\n[bold]{headline(summary)}.[/]", soft_wrap=True)
    console.print(f"Report: {written.page}", soft_wrap=True)
    console.print(f"Chart:  {written.picture}", soft_wrap=True)


def _copy_example(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise OvernightError(f"{folder} is not empty; name a folder that does not exist yet: `overnight demo my-demo`")
    try:
        with resources.as_file(_example()) as source:
            shutil.copytree(
                source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".*", "artifacts")
            )
        goal = folder / "goal.md"
        goal.write_text(_with_this_python(goal.read_text(encoding="utf-8")), encoding="utf-8")
    except OSError as error:
        raise OvernightError(f"the demo cannot be copied to {folder}: {error.strerror}") from None


def _with_this_python(goal: str) -> str:
    """The goal's commands with the interpreter that has NumPy: what `python` is, if anything, depends on the shell."""

    def command(found: re.Match[str]) -> str:
        words = f"{shlex.quote(sys.executable)} {found['rest']}"
        return f"{found['key']}: {json.dumps(words)}"

    return re.sub(r"^(?P<key>run|score|verify): python (?P<rest>.*?)(?=\s*#|$)", command, goal, flags=re.MULTILINE)


def _example() -> Path:
    """The example's folder: in the installed package, or beside the source in a checkout."""
    installed = resources.files("overnight") / "examples" / "charlm"
    checkout = Path(__file__).resolve().parents[3] / "examples" / "charlm"
    return checkout if checkout.is_dir() else Path(str(installed))


def _show_result(history: History, summary: Summary, console: Console) -> None:
    from overnight.morning.chart.staircase import Staircase
    from overnight.morning.chart.terminal import terminal_chart

    chart = Staircase.of(history, summary.metric, summary.direction)
    console.print()
    width = min(console.width, 100)
    picture = terminal_chart(chart, width)
    console.print(Text.from_ansi(picture), soft_wrap=True)
    if not summary.kept or summary.baseline is None:
        return
    table = Table(title=None, box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name, justify in (
        ("#", "right"),
        ("kept change", "left"),
        (summary.metric, "right"),
        ("gain", "right"),
        ("in all", "right"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    for record in history.kept():
        total = improvement_percent(summary.baseline.metric, record.metric, summary.direction)
        gain, metric = f"{record.gain or 0:.4f}", f"{record.metric or 0:.5g}"
        table.add_row(
            str(record.number), Text(record.hypothesis), metric, gain, f"{total:.1f} %" if total is not None else ""
        )
    console.print()
    console.print(table)
