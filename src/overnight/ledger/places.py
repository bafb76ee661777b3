"""Experiments by what they change: how a brief tells of them to an agent, and a report to a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from overnight.ledger.records import Judged

_NEAR = 0.25
"""A discarded idea with at least this chance to be an improvement is a near miss."""


def by_place(tried: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Every experiment once, under what it touches that is touched most often; "" where that has no name.

    The places come in the order of their first experiments.
    """
    popular = Counter(place for judged in tried for place in judged.about)
    groups: dict[str, list[Judged]] = {}
    for judged in tried:
        place = max(judged.about, key=lambda name: (popular[name], name), default="")
        groups.setdefault(place, []).append(judged)
    return dict(sorted(groups.items(), key=lambda group: group[1][0].number))


def is_near_miss(judged: Judged) -> bool:
    """Whether a discarded idea may well be an improvement that its runs could not show."""
    if judged.verdict != "discard" or judged.gain is None or judged.gain_low == judged.gain_high:
        return False
    chance = judged.evidence.get("chance")
    return judged.gain > 0 if chance is None else chance >= _NEAR
