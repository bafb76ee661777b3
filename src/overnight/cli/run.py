"""`overnight run`, `stop` and `verify`: the commands that work, or end the work."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from overnight.cli.places import GoalArgument, SessionOption, SlotsOption, folder_of, goal_file, slots_of
from overnight.cli.serve import beside
from overnight.cli.terminal import safe
from overnight.errors import Interrupted

if TYPE_CHECKING:
    from overnight.cli.view import Watcher
    from overnight.ledger.history import History
    from overnight.loop.session import Session

_INTERRUPTED = 130


def run(
    goal: GoalArgument = None,
    experiments: Annotated[int | None, typer.Option(help="Stop after this many in the whole session.")] = None,
    hours: Annotated[float | None, typer.Option(help="Stop after this many hours of work.")] = None,
    agent: Annotated[
        str | None, typer.Option(help="Who proposes: search, claude, openai:MODEL, or any command.")
    ] = None,
    slots: SlotsOption = None,
    seed: Annotated[int | None, typer.Option(help="Decides the seeds of runs and of the search (default 0).")] = None,
    new: Annotated[bool, typer.Option("--new", help="Start a new session instead of going on with the last.")] = False,
    init: Annotated[bool, typer.Option("--init", help="Make a git repository first, if there is none.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="One plain line for each event.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Also show it live in a browser.")] = False,
    no_sandbox: Annotated[
        bool, typer.Option("--no-sandbox", help="Let agent and runs do whatever you may do.")
    ] = False,
) -> None:
    """Improve the goal's file until told to stop. Goes on where it was interrupted."""
    from overnight.loop.recovery import AlreadyFinished
    from overnight.loop.session import Session

    path = goal_file(goal)
    console = Console(highlight=False)
    if init:
        make_repository(path.parent, console)
    session = Session(
        path,
        agent=agent,
        experiments=experiments,
        hours=hours,
        seed=seed,
        slots=slots_of(slots),
        new=new,
        sandbox=not no_sandbox,
    )
    try:
        with (
            stopped_by_signals(session.request_stop),
            beside(path.parent, console) if serve else contextlib.nullcontext(),
        ):
            unfinished = watch_session(session, console, plain=plain)
    except AlreadyFinished as news:
        console.print(str(news), soft_wrap=True)
        return
    say_result(path.parent, console)
    if unfinished is not None:
        console.print(
            f"{unfinished[:1].upper()}{unfinished[1:]}; everything is saved. `overnight run` goes on where it was.",
            soft_wrap=True,
            markup=False,
        )
        raise typer.Exit(_INTERRUPTED)


def watch_session(session: Session, console: Console, *, plain: bool) -> str | None:
    """Run a session and show it. Returns why it was put down before its time, None when a rule of its own ended it."""
    from overnight.cli.view import Watcher
    from overnight.loop.events import SessionClosed, SessionOpened
    from overnight.loop.reading import open_history

    unfinished = None
    with Watcher(console, plain=plain) as watcher:
        for event in session.run():
            watcher.show(event)
            if isinstance(event, SessionOpened) and event.resumed_after is not None:
                with open_history(session.state.folder.parent, event.session) as (history, _):
                    tell_what_was_done(watcher, history)
            if isinstance(event, SessionClosed):
                unfinished = None if event.finished else event.reason
    return unfinished


def verify(
    goal: GoalArgument = None,
    session: SessionOption = None,
    pairs: Annotated[int, typer.Option(min=2, max=11, help="Pairs of runs; fewer when both repeat exactly.")] = 5,
    each: Annotated[bool, typer.Option("--each", help="Also what each kept change adds, by leaving it out.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="No live display.")] = False,
) -> None:
    """Measure the baseline and the best version again, on seeds that nobody has used."""
    console = Console(highlight=False)
    verify_session(folder_of(goal), session, console, pairs=pairs, plain=plain)
    if each:
        _verify_each(folder_of(goal), session, console, plain=plain)


def verify_session(folder: Path, session: str | None, console: Console, *, pairs: int, plain: bool) -> None:
    """Verify and say the result."""
    from overnight.cli.view import Watcher
    from overnight.loop.state import State
    from overnight.loop.verify import VerificationDone, verify
    from overnight.morning.words import verified_words

    stop = Flag()
    verified = None
    with stopped_by_signals(stop.set), Watcher(console, plain=plain) as watcher:
        for event in verify(State.of(folder), session, pairs=pairs, should_stop=stop.is_set):
            watcher.show(event)
            if isinstance(event, VerificationDone):
                verified = event.verified
    if verified is not None:
        words = verified_words(verified)
        console.print(
            f"[bold]{words[0].upper()}{words[1:]}[/]: baseline {verified.baseline:.6g}, best {verified.best:.6g}",
            soft_wrap=True,
        )
        console.print(f"[dim]as `{verified.command}` prints it[/]", soft_wrap=True)


def _verify_each(folder: Path, session: str | None, console: Console, *, plain: bool) -> None:
    from overnight.cli.view import Watcher
    from overnight.loop.reading import open_history
    from overnight.loop.state import State
    from overnight.loop.verify_each import EachVerified, verify_each
    from overnight.morning.words import part_words

    stop = Flag()
    verified = None
    with stopped_by_signals(stop.set), Watcher(console, plain=plain) as watcher:
        for event in verify_each(State.of(folder), session, should_stop=stop.is_set):
            watcher.show(event)
            if isinstance(event, EachVerified):
                verified = event.verified
    if verified is None:
        return
    console.print(f"[bold]What each kept change adds[/] ({verified.runs} runs):", soft_wrap=True)
    with open_history(folder, session) as (history, _):
        for part in verified.parts:
            judged = history.judged_number(part.number)
            words = safe(judged.hypothesis if judged else "")
            console.print(f"{part.number:>5}  {part_words(part)}  {words}", soft_wrap=True, markup=False)


def stop(goal: GoalArgument = None) -> None:
    """Put the running session down, as Ctrl-C does."""
    from overnight.loop.state import State

    holder = State.of(folder_of(goal)).stop_holder()
    Console(highlight=False).print(
        "No session is running here."
        if holder is None
        else f"Stopped ({holder}); `overnight run` goes on where it was."
    )


def make_repository(folder: Path, console: Console) -> None:
    """Do what `--init` says."""
    from overnight.repo.git import create_repository

    left_out = create_repository(folder)
    if left_out:
        console.print(
            f"Left out of the first commit: {', '.join(left_out)} (runs may read them by `read:`)", soft_wrap=True
        )


@contextlib.contextmanager
def stopped_by_signals(request: Callable[[], None]) -> Iterator[None]:
    """Call `request` on Ctrl-C and SIGTERM instead of breaking off in the middle of something.

    A SIGHUP that is ignored already stays so: `nohup` means that the terminal may be closed.
    """

    def handle(_number: int, _frame: object) -> None:
        request()

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    except Interrupted:
        raise typer.Exit(_INTERRUPTED) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def say_result(folder: Path, console: Console) -> None:
    """The session's state in a sentence, and where to read on."""
    from overnight.loop.reading import open_history
    from overnight.morning.summary import headline, summarize

    with open_history(folder, None) as (history, state):
        summary = summarize(history, running=False)
        console.print()
        console.print(f"[bold]{headline(summary)}.[/]", soft_wrap=True)
        if summary.baseline is not None:
            try:
                from overnight.loop.reporting import write

                report = write(history, summary, state)
            except (OSError, ImportError) as error:  # Loading the program that draws is reading files too.
                console.print(
                    f"The report could not be written now ({error}); `overnight report` does it.", soft_wrap=True
                )
            else:
                console.print(f"Report: {report.page}", soft_wrap=True)


def tell_what_was_done(watcher: Watcher, history: History) -> None:
    """Let the live view begin with what is in the ledger already."""
    counts, baseline, best = history.counts(), history.baseline(), history.incumbent()
    watcher.now.resume(
        done=counts.experiments,
        kept=counts.kept,
        failed=counts.failed,
        baseline=baseline.metric if baseline else None,
        best=best.metric if best else None,
        spent=history.spent(),
    )


class Flag:
    """A flag that a signal handler may raise."""

    def __init__(self) -> None:
        self._raised = False

    def set(self) -> None:
        self._raised = True

    def is_set(self) -> bool:
        return self._raised
