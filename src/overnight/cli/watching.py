"""The night as it happens, in the terminal: a line for each verdict, and what is going on right now below."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from overnight.cli.terminal import safe
from overnight.goal.settings import Settings
from overnight.ledger.accounts import Spent
from overnight.ledger.records import Judged, Usage
from overnight.loop.events import (
    ExperimentJudged,
    GuardsStarted,
    Notice,
    PersonAsked,
    ProposalFinished,
    ProposalStarted,
    Review,
    ReviewStarted,
    RunFinished,
    RunStarted,
    SessionClosed,
    SessionEvent,
    SessionOpened,
    VerdictChanged,
    Waiting,
)
from overnight.loop.verify import VerificationDone
from overnight.loop.verify_each import EachVerified
from overnight.morning.summary import (
    cost_words,
    duration_words,
    improvement_percent,
    percent_words,
    steered_words,
)

STYLES = {
    "baseline": "cyan",
    "keep": "bold green",
    "discard": "dim",
    "crash": "red",
    "timeout": "yellow",
    "invalid": "magenta",
    "no_change": "dim yellow",
}
_WHAT = {
    "baseline": "measuring the baseline",
    "candidate": "measuring the candidate",
    "incumbent": "measuring the incumbent again",
    "verify_baseline": "verifying: the baseline",
    "verify_best": "verifying: the best version",
    "verify_part": "verifying: the best version without some changes",
    "verify_candidate": "suspicious: measuring the candidate again",
    "verify_incumbent": "suspicious: measuring the incumbent beside it",
    "control": "is it the machine? running the incumbent",
}


Step = ProposalStarted | ProposalFinished | ReviewStarted | Review | RunStarted | RunFinished | GuardsStarted


@dataclass
class Now:
    """What is going on; read by the drawing thread, written by the loop."""

    settings: Settings | None = None
    number: int = 0
    hypothesis: str = ""
    doing: str = "getting ready"
    limit: float | None = None
    """Seconds that the present step may take, None when that is not known."""
    since: float = field(default_factory=time.monotonic)
    baseline: float | None = None
    best: float | None = None
    done: int = 0
    kept: int = 0
    failed: int = 0
    done_before: int = 0
    cost: float = 0.0
    tokens: int = 0
    began: float = field(default_factory=time.monotonic)

    def follow(self, event: Step) -> None:
        """The loop has taken a step."""
        match event:
            case ProposalStarted():
                self.number, self.hypothesis = event.number, ""
                self.start(f"{event.proposer} is thinking", None)
            case ProposalFinished():
                self.hypothesis = event.proposed.hypothesis
                self.spend(event.proposed)
            case ReviewStarted():
                self.start(f"{event.proposer} writes down what it has learned", None)
            case Review():
                self.spend(event.reviewed)
            case RunStarted():
                self.number, self.hypothesis = event.number, event.hypothesis
                self.start(_WHAT[event.role], event.limit)
            case RunFinished():
                self.start("deciding", None)
            case GuardsStarted():
                self.start("trying the guards", None)

    def spend(self, usage: Usage) -> None:
        """A proposer has used up something."""
        self.cost += usage.cost or 0.0
        self.tokens += usage.tokens

    def start(self, doing: str, limit: float | None) -> None:
        """A new step begins."""
        self.doing, self.limit, self.since = doing, limit, time.monotonic()


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

    def resume_counts(
        self, *, done: int, kept: int, failed: int, baseline: float | None, best: float | None, spent: Spent
    ) -> None:
        """Begin with what an earlier process did."""
        self._now.cost, self._now.tokens = spent.cost, spent.tokens
        now = self._now
        now.done = now.done_before = done
        now.kept, now.failed, now.baseline, now.best = kept, failed, baseline, best

    def show(self, event: SessionEvent | VerificationDone | EachVerified) -> None:
        """Take note of what happened. A terminal that is gone does not end the night."""
        with contextlib.suppress(OSError):
            self._show(event)

    def _show(self, event: SessionEvent | VerificationDone | EachVerified) -> None:
        match event:
            case SessionOpened():
                self._now.settings = event.settings
                self._say_opened(event)
            case ExperimentJudged():
                self._say_verdict(event.judged)
            case VerdictChanged():
                self._say_change(event)
            case Waiting():
                self._now.start(f"waiting: {safe(event.reason)}", None)
                then = datetime.fromtimestamp(time.time() + event.seconds)
                self._note(f"{event.reason}; nothing is lost, next try at {then:%H:%M:%S}")
            case Notice():
                self._note(event.words)
            case PersonAsked():
                self._note(steered_words(event.steered))
                if event.steered.act == "pause" and not event.steered.refused:
                    self._now.start("paused", None)
            case SessionClosed():
                self._finish()
            case VerificationDone() | EachVerified():
                pass
            case _:
                self._now.follow(event)

    def _finish(self) -> None:
        if self._live is not None:
            self._live.update(Text(""), refresh=True)
            self._live.transient = True
            self._live.stop()
            self._live = None

    def _say_opened(self, event: SessionOpened) -> None:
        how = "goes on" if event.resumed_after is not None else "begins"
        at = f" after {event.resumed_after} experiments" if event.resumed_after else ""
        settings = event.settings
        self._console.print(
            f"[bold]Session {event.session}[/] {how}{at} at commit {event.base[:7]}: {settings.who} changes "
            f"{', '.join(settings.edit)}; {settings.direction} {settings.metric} is better; "
            f"{settings.budget:g} s a run, "
            + ("no sandbox" if event.sandbox in ("none", "") else f"sandboxed by {event.sandbox}"),
            soft_wrap=True,
            highlight=False,
        )
        for warning in event.warnings:
            self._note(warning)

    def _note(self, words: str) -> None:
        self._console.print(Text(f"note: {safe(words)}", style="yellow"), soft_wrap=True)

    def _say_verdict(self, judged: Judged) -> None:
        now = self._now
        if judged.verdict == "baseline":
            now.baseline = now.best = judged.metric
        else:
            now.done += 1
        if judged.verdict == "keep":
            now.kept += 1
            now.best = judged.metric
        now.failed += judged.verdict in ("crash", "timeout", "invalid")
        self._say(judged)

    def _say_change(self, event: VerdictChanged) -> None:
        is_kept = event.judged.verdict == "keep"
        self._now.kept += 1 if is_kept else -1
        if is_kept:
            self._now.best = event.judged.metric
        self._say(event.judged)

    def _say(self, judged: Judged) -> None:
        if self._live is not None:
            # One line each, so that the night can be read down the screen; `overnight log` and `show` have it all.
            self._console.print(verdict_line(judged), no_wrap=True, overflow="ellipsis")
        else:
            self._console.print(verdict_line(judged), soft_wrap=True)

    def _draw(self) -> RenderableType:
        now = self._now
        of = f" of {now.settings.stop.experiments}" if now.settings and now.settings.stop.experiments else ""
        title = Text.assemble((f"experiment {now.number}{of}  " if now.number else "baseline  ", "bold"))
        title.append(safe(now.hypothesis) if now.number else "")
        title.truncate(max(20, self._console.width - 2), overflow="ellipsis")
        return Group(Text(""), title, self._step(), self._standing())

    def _step(self) -> RenderableType:
        now = self._now
        spent = time.monotonic() - now.since
        row = Table.grid(padding=(0, 1))
        if now.limit is None or now.settings is None:
            row.add_row(Text(f"{now.doing}, {spent:.0f} s", style="dim"))
            return row
        # The countdown is that of the budget; start-up and scoring may take a run past it, up to its hard limit.
        budget = now.settings.budget
        left = budget - spent
        words = f"{left:.0f} s left" if left >= 0 else f"{-left:.0f} s past the budget, ended at {now.limit:g} s"
        bar = ProgressBar(total=budget, completed=min(spent, budget), width=24)
        row.add_row(Text(now.doing, style="dim"), bar, Text(words, style="dim"))
        return row

    def _standing(self) -> Text:
        now = self._now
        if now.settings is None or now.best is None:
            return Text("")
        percent = improvement_percent(now.baseline, now.best, now.settings.direction)
        better = f" ({percent_words(percent)})" if now.kept and percent is not None else ""
        words = Text.assemble("best ", (f"{now.settings.metric} {now.best:.5g}{better}", "bold green"))
        words.append(f"   kept {now.kept} · not better {now.done - now.kept - now.failed} · failed {now.failed}")
        if now.cost or now.tokens:
            words.append(f"   {cost_words(now.cost, now.tokens)}")
        left = self._seconds_left()
        words.append(f"   about {duration_words(left)} left" if left is not None else "", style="dim")
        return words

    def _seconds_left(self) -> float | None:
        now = self._now
        rules = now.settings.stop if now.settings else None
        worked = time.monotonic() - now.began
        estimates = []
        if rules and rules.experiments is not None and now.done > now.done_before:
            estimates.append((rules.experiments - now.done) * worked / (now.done - now.done_before))
        if rules and rules.hours is not None:
            estimates.append(rules.hours * 3600 - worked)
        return max(min(estimates), 0.0) if estimates else None


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
