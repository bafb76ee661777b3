"""What is going on right now and how the night stands, as a few lines that fit any terminal."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from overnight.cli.terminal import safe
from overnight.goal.settings import Settings
from overnight.ledger.accounts import FAILED, Spent
from overnight.ledger.records import Judged, Usage
from overnight.loop.activity import Activity
from overnight.loop.events import (
    ExperimentJudged,
    PersonAsked,
    ProposalFinished,
    Review,
    SessionEvent,
    SessionOpened,
    VerdictChanged,
    Waiting,
)
from overnight.loop.underway import Underway
from overnight.morning.summary import improvement_percent
from overnight.morning.words import cost_words, duration_words, percent_words

_BAR = 24
_NARROW = 72
"""Columns below which the line with the standings is broken in two, and the bar is left out."""
_MOST_SLOTS = 8


@dataclass
class Now:
    """Read by the drawing thread, written by whoever tells what happens."""

    settings: Settings | None = None
    underway: Underway = field(default_factory=Underway)
    last: Activity | None = None
    """What was shown last where one thing at a time is."""
    paused: bool = False
    """By a person: what is under way goes on, and nothing new begins."""
    waits: str = ""
    """What the session waits for; "" when it works."""
    since: float = field(default_factory=time.time)
    """Since when nothing is under way: Unix time, seconds."""
    baseline: float | None = None
    best: float | None = None
    done: int = 0
    kept: int = 0
    failed: int = 0
    done_before: int = 0
    cost: float = 0.0
    tokens: int = 0
    began: float = field(default_factory=time.monotonic)

    def resume(
        self, *, done: int, kept: int, failed: int, baseline: float | None, best: float | None, spent: Spent
    ) -> None:
        """Begin with what an earlier process did."""
        self.done = self.done_before = done
        self.kept, self.failed, self.baseline, self.best = kept, failed, baseline, best
        self.cost, self.tokens = spent.cost, spent.tokens

    def follow(self, event: SessionEvent) -> None:
        """Something has happened."""
        match event:
            case SessionOpened():
                self.settings = event.settings
            case ExperimentJudged():
                self._count(event.judged)
            case VerdictChanged():
                is_kept = event.judged.verdict == "keep"
                self.kept += 1 if is_kept else -1
                self.best = event.judged.metric if is_kept else self.best
            case ProposalFinished():
                self._spend(event.proposed)
            case Review():
                self._spend(event.reviewed)
            case Waiting():
                self.rest(waits=f"waiting: {event.reason}")
            case PersonAsked() if event.steered.act in ("pause", "resume") and not event.steered.refused:
                self.rest(paused=event.steered.act == "pause")
        self.at(self.underway.after(event, self.settings))

    def at(self, underway: Underway) -> None:
        """This is what it is at."""
        busy = (*underway.slots, *underway.thinking)
        if any(one.since >= self.since for one in busy):
            self.waits = ""
        if not busy and (self.underway.slots or self.underway.thinking):
            self.since = time.time()
        self.underway = underway
        self.last = next(iter(underway.stage), self.last)

    def draw(self, width: int) -> RenderableType:
        """A few lines, more where there are several slots or little room; none is wider than the terminal."""
        now = self.underway
        lines = self._one(now, width) if now.places == 1 else self._several(now, width)
        if beside := now.beside_words():
            lines.append(_line(Text(safe(beside), style="dim")))
        return Group(Text(""), *lines, *map(_line, self._standing(width)))

    def _one(self, now: Underway, width: int) -> list[RenderableType]:
        """One thing at a time: what it is about, and how far it is."""
        shown = next(iter(now.stage), None)
        about = shown or self.last
        number = about.number if about else 0
        title = Text.assemble((f"experiment {number}{self._of()}  " if number else "baseline  ", "bold"))
        title.append(safe(about.hypothesis) if about and number else "")
        return [_line(title), self._step(shown, width) if shown else self._rest()]

    def _several(self, now: Underway, width: int) -> list[RenderableType]:
        """A line for each slot, also one that is free: nothing jumps when a run ends."""
        title = Text(f"{len(now.slots)} of {now.places} slots at work", style="bold")
        title.append(f"  {self.done}{self._of()} experiments decided")
        at = {one.slot: one for one in now.slots}
        shown = range(min(now.places, _MOST_SLOTS))
        lines: list[RenderableType] = []
        if width < _NARROW:
            lines += [_line(Text(f"{slot:>2}  {_in_short(at[slot]) if slot in at else 'free'}")) for slot in shown]
        else:
            lines.append(_table(at, shown))
        if now.places > _MOST_SLOTS:
            lines.append(_line(Text(f"   and {now.places - _MOST_SLOTS} more", style="dim")))
        rests = [self._rest()] if self.paused or self.waits else []
        return [_line(title), *lines, *rests]

    def _of(self) -> str:
        return f" of {self.settings.stop.experiments}" if self.settings and self.settings.stop.experiments else ""

    def _count(self, judged: Judged) -> None:
        if judged.verdict == "baseline":
            self.baseline = self.best = judged.metric
        else:
            self.done += 1
        if judged.verdict == "keep":
            self.kept += 1
            self.best = judged.metric
        self.failed += judged.verdict in FAILED

    def _spend(self, usage: Usage) -> None:
        self.cost += usage.cost or 0.0
        self.tokens += usage.tokens

    def rest(self, *, paused: bool = False, waits: str = "") -> None:
        """Nothing new begins, for this reason; without one, something does again."""
        self.paused, self.waits, self.since = paused, waits, time.time()

    def _rest(self) -> Text:
        doing = "paused by a person" if self.paused else self.waits or "getting ready"
        return _line(Text(f"{safe(doing)}, {duration_words(round(time.time() - self.since))}", style="dim"))

    def _step(self, shown: Activity, width: int) -> RenderableType:
        if shown.budget is None or shown.step == "waiting":
            return _line(Text(safe(shown.words_now()), style="dim"))
        words = _left(shown, shown.budget)
        if width < _NARROW:
            return _line(Text(f"{words}, {safe(shown.words)}", style="dim"))
        row = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=shown.budget, completed=min(time.time() - shown.since, shown.budget), width=_BAR)
        row.add_row(_line(Text(safe(shown.words), style="dim")), bar, _line(Text(words, style="dim")))
        return row

    def _standing(self, width: int) -> list[Text]:
        if self.settings is None or self.best is None:
            return []
        percent = improvement_percent(self.baseline, self.best, self.settings.direction)
        better = f" ({percent_words(percent)})" if self.kept and percent is not None else ""
        best = Text.assemble("best ", (f"{self.settings.metric} {self.best:.5g}{better}", "bold green"))
        words = Text(f"kept {self.kept} · not better {self.done - self.kept - self.failed} · failed {self.failed}")
        if self.cost or self.tokens:
            words.append(f"   {cost_words(self.cost, self.tokens)}")
        left = self._seconds_left()
        words.append(f"   about {duration_words(left)} left" if left is not None else "", style="dim")
        return [best, words] if width < _NARROW else [Text.assemble(best, "   ", words)]

    def _seconds_left(self) -> float | None:
        rules = self.settings.stop if self.settings else None
        worked = time.monotonic() - self.began
        estimates = []
        if rules and rules.experiments is not None and self.done > self.done_before:
            estimates.append((rules.experiments - self.done) * worked / (self.done - self.done_before))
        if rules and rules.hours is not None:
            estimates.append(rules.hours * 3600 - worked)
        return max(min(estimates), 0.0) if estimates else None


def _table(at: dict[int | None, Activity], slots: range) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0), expand=True)
    for ratio in (None, None, 1, None, None):
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=ratio)
    for slot in slots:
        one = at.get(slot)
        if one is None:
            table.add_row(str(slot), Text("free", style="dim"))
            continue
        number = Text(f"experiment {one.number}" if one.number else "baseline", style="bold")
        idea = Text(safe(one.hypothesis) if one.number else "")
        table.add_row(str(slot), number, idea, Text(safe(one.words), style="dim"), Text(_time_words(one), style="dim"))
    return table


def _in_short(one: Activity) -> str:
    return f"{f'experiment {one.number}, ' if one.number else ''}{_time_words(one)}, {safe(one.words)}"


def _time_words(one: Activity) -> str:
    return _left(one, one.budget) if one.budget is not None else duration_words(round(time.time() - one.since))


def _left(one: Activity, budget: float) -> str:
    """The countdown is that of the budget; start-up and scoring may take a run past it, up to its hard limit."""
    left = budget - (time.time() - one.since)
    limit = f", ended at {one.limit:g} s" if one.limit is not None else ""
    return f"{left:.0f} s left" if left >= 0 else f"{-left:.0f} s past the budget{limit}"


def _line(text: Text) -> Text:
    """In one line, whatever the terminal's width."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
