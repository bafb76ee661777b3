"""The kept changes: what each one is, brought, and shows of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from overnight.ledger.history import History
from overnight.ledger.records import Judged, Part
from overnight.morning.plain import one_line, printable
from overnight.morning.summary import Summary, improvement_percent
from overnight.morning.words import effect_words, part_words

PatchOf = Callable[[Judged], str]
"""What `git diff` says a kept change is; "" where git no longer has it."""

_LONG = 200
"""Lines of a diff that a report shows."""
_ALL_LINES = 8000
"""Lines of all diffs together: of many kept changes each shows less."""
_SHORTEST = 12
_WIDE = 400


@dataclass(frozen=True)
class Diff:
    """What a change is, as far as the report shows it."""

    lines: list[str]
    cut: int
    """How many lines are left out at its end."""


@dataclass(frozen=True)
class KeptChange:
    """One row of the table."""

    number: int
    hypothesis: str
    metric: float | None
    effect: str
    """With its sign; positive is better."""
    interval: str
    share: str
    """Its part of all that was gained; "" where that has no meaning."""
    total: str
    """By how much the version with it is better than the baseline; "" where percent have no meaning."""
    provisional: str
    """Why it is not for sure yet; ""  where it is."""
    alone: str
    """What leaving it out has shown; "" where nobody tried."""
    adds: bool | None
    """Whether that confirmed it; None where nobody tried or it could not be told."""
    flags: tuple[str, ...]
    commit: str
    diff: Diff


def kept_changes(history: History, summary: Summary, patch_of: PatchOf) -> list[KeptChange]:
    """Every kept change, in the branch's order."""
    kept = history.kept()
    parts = measured_parts(history, summary)
    whole = sum(judged.gain or 0.0 for judged in kept)
    longest = max(_SHORTEST, min(_LONG, _ALL_LINES // max(len(kept), 1)))
    return [
        KeptChange(
            number=judged.number,
            hypothesis=one_line(judged.hypothesis) or "(the agent did not say)",
            metric=judged.metric,
            effect=effect_words(judged)[0],
            interval=effect_words(judged)[1],
            share=f"{100 * judged.gain / whole:.0f} %" if judged.gain is not None and whole > 0 else "",
            total=_total(summary, judged),
            provisional=_provisional(judged),
            alone=part_words(parts[judged.number]).replace("-", "−") if judged.number in parts else "",
            adds=_adds(parts.get(judged.number)),
            flags=tuple(one_line(flag) for flag in judged.flags),
            commit=(judged.commit or "")[:7],
            diff=cut(patch_of(judged), longest),
        )
        for judged in kept
    ]


def measured_parts(history: History, summary: Summary) -> dict[int, Part]:
    """What each kept change adds, by its number; none where that was measured on an earlier best."""
    each, best = history.verified_each(), summary.incumbent
    if each is None or best is None or each.best_commit != best.commit:
        return {}
    return {part.number: part for part in each.parts}


def cut(patch: str, longest: int) -> Diff:
    """A patch without git's own first lines, and no longer than so many."""
    lines = [printable(line.rstrip("\r"))[:_WIDE] for line in patch.rstrip("\n").split("\n")]
    lines = [line for line in lines if line and not line.startswith(_OF_GIT)]
    return Diff(lines[:longest], max(len(lines) - longest, 0))


_OF_GIT = ("diff --git ", "index ", "old mode ", "new mode ", "similarity index ")


def _adds(part: Part | None) -> bool | None:
    if part is None or part.gain_low is None:
        return None
    return part.gain_low > 0


def _total(summary: Summary, judged: Judged) -> str:
    baseline = summary.baseline
    total = improvement_percent(baseline.metric, judged.metric, summary.direction) if baseline else None
    return "" if total is None else f"{total:.3g} %"


def _provisional(judged: Judged) -> str:
    chance = judged.evidence.get("chance")
    if not judged.undecided or chance is None or chance >= 0.95:
        return ""
    return f"provisional: better with a chance of {100 * chance:.0f} %"
