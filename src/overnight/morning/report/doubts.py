"""What wants a human eye before anybody relies on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from overnight.ledger.history import History
from overnight.ledger.records import Judged
from overnight.morning.plain import one_line, shortened
from overnight.morning.report.changes import KeptChange
from overnight.morning.report.tried import VERDICT_WORDS
from overnight.morning.summary import Summary

_MOST = 30


@dataclass(frozen=True)
class Doubt:
    """One thing to look at."""

    title: str
    words: str
    """What that means, and what to do."""
    examples: list[tuple[int, str, str]]
    """Experiments that it is about: number, hypothesis, and what there is to say of it."""


def what_is_doubtful(history: History, summary: Summary, kept: Sequence[KeptChange]) -> list[Doubt]:
    """Everything, the gravest first."""
    harmful = [change for change in kept if change.adds is False]
    details = [
        _doubt(
            "Suspicious results",
            "What was better was measured again on fresh seeds before it was kept. Look at the diff.",
            [(each, f"{VERDICT_WORDS.get(each.verdict, each.verdict)}; {'; '.join(each.flags)}")
             for each in history.flagged()],
        ),
        Doubt(
            "Kept changes that add nothing by themselves",
            "Leaving them out made no difference that can be seen, or made it better. Consider not taking them.",
            [(change.number, change.hypothesis, change.alone) for change in harmful],
        ),
        Doubt(
            "Provisional keeps",
            "They are more likely better than not, but not for sure. `overnight verify --each` tells more.",
            [(change.number, change.hypothesis, change.provisional.removeprefix("provisional: "))
             for change in kept if change.provisional],
        ),
        _doubt(
            "Taken back",
            "They were kept for a while. They are not on the branch any more.",
            [(each, each.reason) for each in history.taken_back()],
        ),
    ]  # fmt: skip
    return [*_about_the_whole(history, summary), *(doubt for doubt in details if doubt.examples)]


def _about_the_whole(history: History, summary: Summary) -> list[Doubt]:
    doubts = []
    if history.started().rebuilt:
        doubts.append(
            Doubt("A rebuilt history", "The ledger was lost; this is what git remembers, which is not all.", [])
        )
    if summary.out:
        doubts.append(
            Doubt(
                f"The variant of experiment {summary.out} is out",
                "People met it when this was written. Only a session that is at work sees whether it does harm.",
                [],
            )
        )
    if summary.kept and summary.verified is None and not summary.live:
        doubts.append(
            Doubt("Not verified", "`overnight verify` measures baseline and best again, on seeds nobody has used.", [])
        )
    low = summary.verified.percent_low if summary.verified else None
    if summary.verified is not None and ((summary.verified.percent or 0) <= 0 or (low is not None and low <= 0)):
        doubts.append(
            Doubt(
                "The verification does not confirm the gain",
                "Measured again, baseline and best cannot be told apart, or the best is worse.",
                [],
            )
        )
    if summary.self_reported:
        doubts.append(
            Doubt(
                "The metric is self-reported",
                "It is printed by the very code that may be changed, so nothing vouches for it. A frozen scorer "
                "(`score:` in goal.md) would.",
                [],
            )
        )
    if summary.sandbox in ("none", ""):
        doubts.append(
            Doubt("No sandbox", "Agent and runs could read and write whatever you may, the scoreboard included.", [])
        )
    return doubts


def _doubt(title: str, words: str, found: list[tuple[Judged, str]]) -> Doubt:
    examples = [
        (judged.number, shortened(one_line(judged.hypothesis), 300), shortened(one_line(note), 300))
        for judged, note in found[:_MOST]
    ]
    more = f" There are {len(found) - _MOST} more: `overnight log`." if len(found) > _MOST else ""
    return Doubt(title, words + more, examples)
