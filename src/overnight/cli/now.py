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
from overnight.loop.live import Slot, slot_of
from overnight.morning.summary import improvement_percent
from overnight.morning.words import cost_words, duration_words, percent_words

_BAR = 24
_NARROW = 72
"""Columns below which the line with the standings is broken in two, and the bar is left out."""


@dataclass
class Now:
    """Read by the drawing thread, written by whoever tells what happens."""

    settings: Settings | None = None
    slot: Slot | None = None
    resting: str = ""
    """Why nothing runs, if the session waits or is paused."""
    since: float = field(default_factory=time.time)
    """When `resting` began: Unix time, seconds."""
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
                self.rest(f"waiting: {event.reason}")
            case PersonAsked() if event.steered.act in ("pause", "resume") and not event.steered.refused:
                self.rest("paused by a person" if event.steered.act == "pause" else "")
        self.at(slot_of(event, self.slot, self.settings))

    def at(self, slot: Slot | None) -> None:
        """This is what it is at."""
        if slot is not None and slot is not self.slot:
            self.resting = "" if slot.since >= self.since else self.resting
        self.slot = slot

    def draw(self, width: int) -> RenderableType:
        """Three lines, four where there is little room; none is wider than the terminal."""
        slot = self.slot
        of = f" of {self.settings.stop.experiments}" if self.settings and self.settings.stop.experiments else ""
        number = slot.number if slot else 0
        title = Text.assemble((f"experiment {number}{of}  " if number else "baseline  ", "bold"))
        title.append(safe(slot.hypothesis) if slot and number else "")
        lines: list[RenderableType] = [Text(""), _line(title), self._step(width)]
        return Group(*lines, *map(_line, self._standing(width)))

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

    def rest(self, why: str) -> None:
        """Nothing runs, for this reason; "": something does again."""
        self.resting, self.since = why, time.time()

    def _step(self, width: int) -> RenderableType:
        if self.resting or self.slot is None:
            doing = self.resting or "getting ready"
            return _line(Text(f"{safe(doing)}, {duration_words(round(time.time() - self.since))}", style="dim"))
        slot, spent = self.slot, time.time() - self.slot.since
        if slot.budget is None or slot.step == "waiting":
            return _line(Text(slot.words_now(), style="dim"))
        # The countdown is that of the budget; start-up and scoring may take a run past it, up to its hard limit.
        left = slot.budget - spent
        limit = f", ended at {slot.limit:g} s" if slot.limit is not None else ""
        words = f"{left:.0f} s left" if left >= 0 else f"{-left:.0f} s past the budget{limit}"
        if width < _NARROW:
            return _line(Text(f"{words}, {slot.words}", style="dim"))
        row = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=slot.budget, completed=min(spent, slot.budget), width=_BAR)
        row.add_row(_line(Text(slot.words, style="dim")), bar, _line(Text(words, style="dim")))
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


def _line(text: Text) -> Text:
    """In one line, whatever the terminal's width."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
