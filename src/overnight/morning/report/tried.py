"""What did not work, grouped so that a person sees where the night has looked and what it found there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from overnight.ledger.accounts import FAILED
from overnight.ledger.history import History
from overnight.ledger.places import by_place, is_near_miss
from overnight.ledger.records import Judged, Verdict
from overnight.morning.plain import one_line, shortened
from overnight.morning.words import effect_words

_MOST_READ = 20_000
"""Of a longer session, the report tells of the newest so many."""
_MOST_GROUPS = 40
_MOST_EACH = 40
_MOST_REASONS = 20
_HYPOTHESIS = 300

VERDICT_WORDS: dict[str, str] = {
    "keep": "kept",
    "discard": "not better",
    "crash": "crashed",
    "timeout": "ran out of time",
    "invalid": "broke a rule",
    "no_change": "changed nothing",
}


@dataclass(frozen=True)
class Attempt:
    """An experiment that was not better."""

    number: int
    hypothesis: str
    effect: str
    interval: str
    is_near: bool
    """Whether it may well be better all the same."""


@dataclass(frozen=True)
class Group:
    """The experiments that changed one place of the file."""

    place: str
    tried: int
    kept: int
    effects: list[tuple[float, bool]]
    """The gain of each that was measured, and whether it was kept."""
    attempts: list[Attempt]
    """Not better ones, the nearest first."""
    more: int
    """How many more there are."""


@dataclass(frozen=True)
class Failure:
    """A reason for which experiments came to no number."""

    verdict: str
    reason: str
    numbers: list[int]


@dataclass(frozen=True)
class Tried:
    """All of it."""

    counted: str
    """`2 kept, 1 not better, 2 crashed`."""
    near: list[Attempt]
    groups: list[Group]
    failures: list[Failure]
    more_reasons: int
    left_out: int
    """Experiments before the oldest that is told of."""


def what_was_tried(history: History, counts: dict[str, int]) -> Tried:
    """Read it from the ledger."""
    judged = history.judged_last(_MOST_READ)
    failures = _failures([each for each in judged if each.verdict in FAILED])
    near = [_attempt(each) for each in judged if is_near_miss(each) and each.undecided]
    return Tried(
        counted=", ".join(f"{counts[key]:,} {words}" for key, words in VERDICT_WORDS.items() if counts.get(key)),
        near=near[-_MOST_REASONS:],
        groups=_groups([each for each in judged if each.verdict in ("keep", "discard")]),
        failures=failures[:_MOST_REASONS],
        more_reasons=max(len(failures) - _MOST_REASONS, 0),
        left_out=max(sum(counts.values()) - len(judged), 0),
    )


def _groups(measured: Sequence[Judged]) -> list[Group]:
    """The places tried most often first; what is tried seldom stands together at the end."""
    places = sorted(by_place(measured).items(), key=lambda place: (-len(place[1]), place[1][0].number))
    shown, rest = places[:_MOST_GROUPS], places[_MOST_GROUPS:]
    groups = [_group(one_line(name) or "elsewhere", members) for name, members in shown]
    if rest:
        members = [judged for _, group in rest for judged in group]
        groups.append(_group(f"{len(rest)} more places", members))
    return [group for group in groups if group.attempts]


def _group(place: str, members: Sequence[Judged]) -> Group:
    lost = sorted(
        (judged for judged in members if judged.verdict == "discard"),
        key=lambda judged: (-(judged.gain if judged.gain is not None else float("-inf")), judged.number),
    )
    return Group(
        place=shortened(place, 60),
        tried=len(members),
        kept=sum(judged.verdict == "keep" for judged in members),
        effects=[(judged.gain, judged.verdict == "keep") for judged in members if judged.gain is not None],
        attempts=[_attempt(judged) for judged in lost[:_MOST_EACH]],
        more=max(len(lost) - _MOST_EACH, 0),
    )


def _attempt(judged: Judged) -> Attempt:
    effect, interval = effect_words(judged)
    return Attempt(
        number=judged.number,
        hypothesis=shortened(one_line(judged.hypothesis), _HYPOTHESIS) or "(the agent did not say)",
        effect=effect,
        interval=interval,
        is_near=is_near_miss(judged),
    )


def _failures(failed: Sequence[Judged]) -> list[Failure]:
    reasons: Counter[tuple[Verdict, str]] = Counter()
    numbers: dict[tuple[Verdict, str], list[int]] = {}
    for judged in failed:
        reason = (judged.verdict, shortened(one_line(judged.reason), _HYPOTHESIS))
        reasons[reason] += 1
        numbers.setdefault(reason, []).append(judged.number)
    return [
        Failure(VERDICT_WORDS[verdict], reason, numbers[verdict, reason])
        for (verdict, reason), _ in reasons.most_common()
    ]
