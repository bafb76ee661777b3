"""The night as it happens, in the terminal: a line for each verdict, and what is going on right now below."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from overnight.cli.now import Now
from overnight.cli.terminal import safe
from overnight.goal.durations import format_duration
from overnight.ledger.records import Judged
from overnight.loop.events import (
    ApprovalAwaited,
    ExperimentJudged,
    Notice,
    PersonAsked,
    SessionClosed,
    SessionEvent,
    SessionOpened,
    VerdictChanged,
    Waiting,
)
from overnight.loop.verify import VerificationDone
from overnight.loop.verify_each import EachVerified
from overnight.morning.words import approval_words, steered_words

STYLES = {
    "baseline": "cyan",
    "keep": "bold green",
    "discard": "dim",
    "crash": "red",
    "timeout": "yellow",
    "invalid": "magenta",
    "no_change": "dim yellow",
}


class Watcher:
    """Shows session events on a console: live where it is a terminal, else as plain lines."""

    def __init__(self, console: Console, *, plain: bool) -> None:
        self._console = console
        self._now = Now()
        self._live = (
            None
            if plain or not console.is_terminal
            else Live(console=console, refresh_per_second=8, get_renderable=self._draw)
        )

    def __enter__(self) -> Watcher:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()

    @property
    def now(self) -> Now:
        """How the night stands."""
        return self._now

    def remind(self, verdicts: Sequence[Judged]) -> None:
        """Show what was decided before."""
        for judged in verdicts:
            self._say(judged)

    def show(self, event: SessionEvent | VerificationDone | EachVerified) -> None:
        """Take note of what happened. A terminal that is gone does not end the night."""
        with contextlib.suppress(OSError):
            self._show(event)

    def _show(self, event: SessionEvent | VerificationDone | EachVerified) -> None:
        if isinstance(event, VerificationDone | EachVerified):
            return
        self._now.follow(event)
        match event:
            case SessionOpened():
                self._say_opened(event)
            case ExperimentJudged() | VerdictChanged():
                self._say(event.judged)
            case Waiting():
                then = datetime.fromtimestamp(time.time() + event.seconds)
                self._note(f"{event.reason}; nothing is lost, next try at {then:%H:%M:%S}")
            case ApprovalAwaited():
                number = event.proposed.number
                self._note(f"experiment {number} is {approval_words(number)}")
            case PersonAsked():
                self._note(steered_words(event.steered))
            case Notice():
                self._note(event.words)
            case SessionClosed():
                self._finish()

    def _finish(self) -> None:
        if self._live is not None:
            self._live.update(Text(""), refresh=True)
            self._live.transient = True
            self._live.stop()
            self._live = None

    def _say_opened(self, event: SessionOpened) -> None:
        how = "goes on" if event.resumed_after is not None else "begins"
        done = event.resumed_after
        at = f" after {done} {'experiment' if done == 1 else 'experiments'}" if done else ""
        settings = event.settings
        self._console.print(
            f"[bold]Session {event.session}[/] {how}{at} at commit {event.base[:7]}: {settings.who} changes "
            f"{', '.join(settings.edit)}; {settings.direction} {settings.metric} is better; "
            + (
                f"people meet each for {format_duration(settings.live.window)} at most, the agent "
                if settings.live
                else f"{settings.budget:g} s a run, "
            )
            + ("in no sandbox" if event.sandbox in ("none", "") else f"sandboxed by {event.sandbox}"),
            soft_wrap=True,
            highlight=False,
        )
        for warning in event.warnings:
            self._note(warning)

    def _note(self, words: str) -> None:
        self._console.print(Text(f"note: {safe(words)}", style="yellow"), soft_wrap=True)

    def _say(self, judged: Judged) -> None:
        if self._live is not None:
            # One line each, so that the night can be read down the screen; `overnight log` and `show` have it all.
            self._console.print(verdict_line(judged), no_wrap=True, overflow="ellipsis")
        else:
            self._console.print(verdict_line(judged), soft_wrap=True)

    def _draw(self) -> RenderableType:
        return self._now.draw(self._console.width)


def verdict_line(judged: Judged) -> Text:
    """One experiment in one line."""
    metric = f"{judged.metric:.5g}" if judged.metric is not None else "–"
    line = Text.assemble(
        f"{judged.number:>5}  ",
        (f"{judged.verdict:<9}", STYLES[judged.verdict]),
        f" {metric:>10}  ",
        (safe(judged.hypothesis) or "(no hypothesis)", "bold" if judged.verdict == "keep" else ""),
    )
    if judged.reason:
        line.append(f"  {safe(judged.reason)}", style="dim")
    return line
