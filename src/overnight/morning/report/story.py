"""The session as a story to be read: everything that the report says, prepared once for the page and for Markdown."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import datetime

from overnight.ledger.history import History
from overnight.morning.chart.staircase import Staircase
from overnight.morning.plain import one_line, printable
from overnight.morning.report.changes import KeptChange, PatchOf, kept_changes
from overnight.morning.report.doubts import Doubt, what_is_doubtful
from overnight.morning.report.spending import Spending, what_was_spent
from overnight.morning.report.tried import Tried, what_was_tried
from overnight.morning.summary import Summary, headline, trust_words
from overnight.morning.words import steered_words

_MOST_ASKED = 50
LIVE_WORDS = (
    "Half of the people met each change, the others the best version of its time. Its metric is the baseline's rate "
    "times all that was gained since, because rates of different days cannot be compared."
)
"""What the figures of a live session are."""


@dataclass(frozen=True)
class Block:
    """A paragraph, or a list of several items."""

    items: list[str]
    is_list: bool


@dataclass(frozen=True)
class Notes:
    """What an agent thinks it has learned."""

    who: str
    upto: int
    """The newest experiment that it knew of."""
    blocks: list[Block]


@dataclass(frozen=True)
class Story:
    """The report's contents. Backticks in its own sentences mark commands; words from outside stand by themselves."""

    summary: Summary
    headline: str
    written: str
    """When; local time."""
    state: str
    """How the session stands, in a sentence that ends before its reason."""
    reason: str
    """Why it was put down, in the session's words."""
    waits: str
    """What a running session waits for, in a sentence with words from outside; "" when it works."""
    trust: str
    chart: Staircase | None
    """None while there is nothing to draw: not even the baseline is known."""
    band: str
    """What the band around the line is."""
    kept: list[KeptChange]
    tried: Tried
    asked: list[str]
    """What people have asked for while it was at work, in order; with their words in it."""
    notes: Notes | None
    spending: Spending
    doubts: list[Doubt]
    take: list[tuple[str, str]]
    """Commands, and what each does."""
    leave: list[tuple[str, str]]


def tell(history: History, summary: Summary, patch_of: PatchOf) -> Story:
    """Read the whole story from the ledger, and the diffs of the kept changes from `patch_of`."""
    chart = None
    if summary.baseline is not None and summary.baseline.metric is not None:
        chart = Staircase.of(history, summary.metric, summary.direction)
    kept = kept_changes(history, summary, patch_of)
    which = "" if history.is_newest(history.started().home) else f" --session {summary.session}"
    return Story(
        summary=summary,
        headline=headline(summary),
        written=f"{datetime.fromtimestamp(time.time()):%A %-d %B %Y, %H:%M}",
        state=_state(summary),
        reason=one_line(summary.last_reason),
        waits=_waits(summary),
        trust=trust_words(summary),
        chart=chart,
        band=_band(chart, summary),
        kept=kept,
        tried=what_was_tried(history, summary.counts),
        asked=[one_line(steered_words(steered)) for steered in history.steered()[-_MOST_ASKED:]],
        notes=_notes(history),
        spending=what_was_spent(history, summary),
        doubts=what_is_doubtful(history, summary, kept),
        take=_take(summary, which),
        leave=_leave(summary),
    )


def _state(summary: Summary) -> str:
    if summary.state == "running":
        return "The session is still at work; this is how it stood when the report was written"
    if summary.state == "finished":
        return "Finished"
    return "Not finished: `overnight run` goes on where it was" + ("" if summary.last_reason else "; it was cut off")


def _waits(summary: Summary) -> str:
    words = f"It {'is' if summary.paused else 'waits:'} {summary.waits}."
    return one_line(words) if summary.waits else ""


def _band(chart: Staircase | None, summary: Summary) -> str:
    if chart is None:
        return ""
    if chart.has_band:
        return (
            "The shaded band is the 95 % interval of the best version's metric: where its true value lies, as far as "
            f"all {'trials' if summary.live else 'runs'} together can tell."
        )
    if chart.bands and all(band is not None for band in chart.bands):
        return "The metric repeats exactly, so the line has no uncertainty."
    return ""


def _notes(history: History) -> Notes | None:
    review = history.review()
    if review is None:
        return None
    return Notes(one_line(review.proposer), review.number, blocks_of(review.text))


def blocks_of(text: str) -> list[Block]:
    """An agent's Markdown as paragraphs and lists, and nothing else: no link, no picture, no heading."""
    blocks: list[Block] = []
    goes_on = False
    for raw in printable(text).splitlines():
        line = raw.strip()
        item = re.match(r"(?:[-*+]|\d{1,3}[.)])\s+(?P<words>.*)", line)
        heading = re.match(r"#{1,6}\s+(?P<words>.*)", line)
        if not line or re.fullmatch(r"[-*_=~`|: ]+", line):
            goes_on = False
        elif item:
            if not (blocks and blocks[-1].is_list and goes_on):
                blocks.append(Block([], is_list=True))
            blocks[-1].items.append(item["words"])
            goes_on = True
        elif goes_on and blocks and not heading:
            blocks[-1].items[-1] += f" {line}"
        else:
            blocks.append(Block([heading["words"] if heading else line], is_list=False))
            goes_on = not heading
    return blocks


def _take(summary: Summary, which: str) -> list[tuple[str, str]]:
    if not summary.kept or summary.baseline is None:
        return []
    base = (summary.baseline.commit or "")[:7]
    steps = [
        (f"git diff {base} {summary.branch}", "shows all kept changes together"),
        (f"overnight apply{which}", "puts them onto the branch that is checked out"),
        (f"overnight apply --split{which}", "makes a branch of each, ready for a pull request"),
    ]
    if summary.verified is None and not summary.live:
        steps.insert(0, (f"overnight verify{which}", "measures baseline and best again, on seeds nobody has used"))
    return steps


def _leave(summary: Summary) -> list[tuple[str, str]]:
    return [(f"git branch -D {summary.branch}", "deletes the kept changes; nothing else ever touched your files")]
