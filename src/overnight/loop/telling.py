"""`notify:` — people are told by mail, chat or phone of what they would want to know at night.

That is a first keep, a new best (at most every half hour, and then the newest), a live variant that waits for their
approval, a trouble that lasts, and the end, with the chart. Nothing is decided or waited for here: a message that
cannot be sent is lost, and said once.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from overnight.errors import TroubleKind
from overnight.goal.settings import Settings
from overnight.ledger.history import History
from overnight.ledger.reader import open_source
from overnight.ledger.records import Judged, Proposed
from overnight.loop.companions import BackgroundCompanion
from overnight.loop.events import (
    ApprovalAwaited,
    ExperimentJudged,
    PersonAsked,
    SessionClosed,
    SessionEvent,
    SessionOpened,
    VerdictChanged,
    Waiting,
    is_progress,
)
from overnight.loop.notify import Message, name_of, send
from overnight.morning.plain import one_line, shortened
from overnight.morning.summary import Summary, headline, improvement_percent, summarize
from overnight.morning.words import interval_words, percent_words

BETWEEN_BESTS_SECONDS = 1800.0
"""So often at most is a new best, or the same kind of trouble, worth a message."""
LASTING_SECONDS = 60.0
"""A trouble is worth a message when the session has waited, or is going to wait, so long."""
_LONGEST_HYPOTHESIS = 300
_T = TypeVar("_T")


class Teller(BackgroundCompanion):
    """Goes along with a session and tells people."""

    def __init__(self, urls: tuple[str, ...], place: Path | str, goal: Path) -> None:
        """`urls` as goal.md has them; `place` is the ledger's, `goal` the goal file."""
        super().__init__("`notify:`")
        self._urls = urls
        self._place = place
        self._goal = goal
        self._session = ""
        self._failed: set[int] = set()
        self._best: Judged | None = None
        """The newest one that was told of."""
        self._next_best = 0.0
        """Monotonic time before which no other best is told of."""
        self._is_new = False
        """There may be a best that nobody was told of."""
        self._taken_back: list[int] = []
        self._told: set[int] = set()
        self._waited = 0.0
        self._told_trouble = False
        self._approval_asked = 0
        """The newest experiment that waits for a person, or did."""
        self._next_trouble: dict[TroubleKind, float] = {}

    def follow(self, event: SessionEvent) -> None:
        """See `Companion`."""
        news = SessionOpened | VerdictChanged | Waiting | ApprovalAwaited | PersonAsked | SessionClosed
        if isinstance(event, news) or is_progress(event):
            self.give(event)

    def patience(self) -> float | None:
        """Until the next best may be told of."""
        return max(self._next_best - time.monotonic(), 0.0) if self._is_new else None

    def wait_is_over(self) -> None:
        """Tell of the best."""
        self._tell_best()

    def handle(self, event: SessionEvent) -> None:
        """Tell, if the event is worth it."""
        if is_progress(event):
            self._waited, self._told_trouble = 0.0, False
        match event:
            case SessionOpened():
                self._session = event.session
                # Of a new session there is none, and by the time that this is asked there may be a keep to be told of.
                self._best = None if event.resumed_after is None else self._ask(History.incumbent)
                self._told = {self._best.number} if self._best is not None else set()
            case ExperimentJudged() if event.judged.verdict == "keep":
                self._keep_news()
            case VerdictChanged():
                if event.judged.verdict == "keep":
                    self._keep_news()
                elif event.judged.number in self._told:
                    self._taken_back.append(event.judged.number)
            case Waiting():
                self._wait(event)
            case ApprovalAwaited() if event.proposed.number != self._approval_asked:
                self._approval_asked = event.proposed.number
                self._tell(self._approval_words(event.proposed))
            case PersonAsked() if event.steered.act == "pause" and not event.steered.refused:
                words = [f"Because: {_plain(event.steered.text)}"] if event.steered.text else []
                words.append("Nothing new is begun until somebody says that it is to go on.")
                self._tell(self._message("paused by a person", words, look="overnight status"))
            case SessionClosed() if event.finished or event.failed:  # Who ends it by hand need not be told.
                self._is_new = False
                self._tell(self._ask(lambda history: self._end_words(history, event)))

    def _keep_news(self) -> None:
        self._is_new = True
        if time.monotonic() >= self._next_best:
            self._tell_best()

    def _tell_best(self) -> None:
        self._is_new = False
        best, words = self._ask(self._best_words)
        if words is None or best is None:
            return
        self._tell(words)
        self._best = best
        self._told.add(best.number)
        self._next_best = time.monotonic() + BETWEEN_BESTS_SECONDS

    def _wait(self, event: Waiting) -> None:
        self._waited += event.seconds
        now = time.monotonic()
        if self._waited < LASTING_SECONDS or self._told_trouble or now < self._next_trouble.get(event.what, 0.0):
            return
        self._told_trouble = True
        self._next_trouble[event.what] = now + BETWEEN_BESTS_SECONDS
        wait = f"It waits and goes on by itself; the next try is in {event.seconds / 60:.0f} min."
        self._tell(self._message(f"waits: {event.what}", [_plain(event.reason), wait], look="overnight status"))

    def _best_words(self, history: History) -> tuple[Judged | None, Message | None]:
        best, summary = history.incumbent(), summarize(history, running=False)
        settings = Settings.recorded(history.settings_now())
        if best is None or best.verdict != "keep" or best.metric is None or summary.baseline is None:
            return None, None
        before = self._best.metric if self._best is not None else None
        if before is not None and not settings.better(best.metric, before):
            return None, None
        is_first = self._best is None or self._best.verdict != "keep"
        what = f"{'first keep' if is_first else 'new best'}, {summary.metric} {best.metric:.6g}"
        lines = [*_idea(best, summary.metric), _so_far(summary), *self._taken_back_words()]
        return best, self._message(what, lines, look=f"overnight show {best.number}")

    def _end_words(self, history: History, event: SessionClosed) -> Message:
        summary = summarize(history, running=False)
        best = summary.incumbent
        lines = [f"{headline(summary)}."]
        if best is not None and best.verdict == "keep":
            lines += ["", "The last change that was kept:", *_idea(best, summary.metric)]
        lines += self._taken_back_words()
        reason = _plain(event.reason)
        if event.finished:
            lines += ["", f"It ended because: {reason}."]
            return self._message("finished", lines, look="overnight report", has_chart=True)
        lines += ["", f"It could not go on: {reason}. Nothing is lost; `overnight run` goes on."]
        return self._message("cannot go on", lines, look="overnight status", has_chart=True)

    def _approval_words(self, proposed: Proposed) -> Message:
        number = proposed.number
        lines = [
            f"Experiment {number}: {shortened(_plain(proposed.hypothesis), _LONGEST_HYPOTHESIS)}",
            "Nobody meets it before you have said yes, and the session waits until then.",
            f'No: overnight reject {number} "why"',
        ]
        return self._message(f"experiment {number} waits for your approval", lines, look=f"overnight approve {number}")

    def _taken_back_words(self) -> list[str]:
        numbers, self._taken_back = self._taken_back, []
        names = ", ".join(map(str, numbers))
        return [f"Taken back since, after more runs: experiment {names}."] if numbers else []

    def _message(self, what: str, lines: list[str], *, look: str, has_chart: bool = False) -> Message:
        folder = self._goal.parent
        where = f"Session {self._session} of {self._goal.name} in {folder} on {socket.gethostname()}."
        return Message(
            f"Overnight, {_plain(folder.name)}: {what}", "\n".join([*lines, "", where, f"Look: {look}"]), has_chart
        )

    def _ask(self, question: Callable[[History], _T]) -> _T:
        """The answer of the session's history, as it is now."""
        with contextlib.closing(open_source(self._place)) as source:
            return question(History(source, self._session))

    def _tell(self, message: Message) -> None:
        with tempfile.TemporaryDirectory(prefix="overnight-") as folder:
            chart = self._draw(Path(folder)) if message.has_chart else None
            for place, url in enumerate(self._urls):
                if not send(url, message, chart) and place not in self._failed:
                    self._failed.add(place)
                    self.say(
                        f"`notify`: {name_of(place, url)} did not take a message; the session goes on, and this is not "
                        "said again"
                    )

    def _draw(self, folder: Path) -> Path | None:
        """The chart as a PNG; None where there is nothing to draw yet."""
        from overnight.morning.chart.png import write_png  # noqa: PLC0415 - takes half a second to load
        from overnight.morning.chart.staircase import Staircase  # noqa: PLC0415 - only where there is somebody to be told

        def draw(history: History) -> Path | None:
            summary = summarize(history, running=False)
            if summary.baseline is None:
                return None
            path = folder / f"overnight-{self._session}.png"
            write_png(Staircase.of(history, summary.metric, summary.direction), headline(summary), path)
            return path

        with contextlib.suppress(Exception):  # Better a message without a picture than none.
            return self._ask(draw)
        return None


def _idea(judged: Judged, metric: str) -> list[str]:
    """An experiment and what it did, as sure as that is."""
    lines = [f"Experiment {judged.number}: {shortened(_plain(judged.hypothesis), _LONGEST_HYPOTHESIS)}"]
    if judged.gain is not None:
        sure = interval_words(judged.gain_low, judged.gain_high)
        lines.append(f"Effect: {metric} better by {judged.gain:.3g}{sure}")
    if judged.undecided:
        lines.append("This is provisional: runs to come may still take it back.")
    if judged.flags:
        lines.append(f"It wants a human eye: {_plain('; '.join(judged.flags))}")
    return lines


def _so_far(summary: Summary) -> str:
    baseline = summary.baseline.metric if summary.baseline else None
    best = summary.incumbent.metric if summary.incumbent else None
    percent = percent_words(improvement_percent(baseline, best, summary.direction))
    done = f"{summary.experiments} {'experiment' if summary.experiments == 1 else 'experiments'}, {summary.kept} kept"
    return f"Best so far: {summary.metric} {best:.6g}, {percent} than the baseline's {baseline:.6g} ({done})"


def _plain(text: str) -> str:
    """A guest's words in one line, calling nobody by an @."""
    return one_line(text).replace("@", "＠")
