"""What was tried, told to a proposer: grouped by what it touches, with intervals, with what verdicts do not tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from overnight.ledger.places import by_place, is_near_miss
from overnight.ledger.records import Judged
from overnight.propose.fitting import Item, Section

_TAIL_LINES = 20
_LAST_KEEPS = 8


@dataclass(frozen=True)
class Past:
    """The experiments that a brief may tell of."""

    tried: Sequence[Judged] = ()
    """The last ones, oldest first, whatever became of them."""
    kept: Sequence[Judged] = ()
    """Those that are kept now, in the branch's order."""
    notes: str = ""
    """What a proposer wrote down when it last looked back."""
    notes_upto: int = 0
    """The newest experiment that it knew of then."""

    def sections(self) -> list[Section]:
        """In the order in which they change least from brief to brief, so that a long beginning stays the same."""
        return [
            section
            for section in (
                self._notes(),
                self._experiments(),
                self._kept(),
                self._near(),
                self._stale(),
                self._failures(),
            )
            if section.items
        ]

    def _notes(self) -> Section:
        title = f"What was learned up to experiment {self.notes_upto}, as a proposer wrote it down"
        return Section(title, [Item(fenced(self.notes), 90.0)] if self.notes.strip() else [])

    def _kept(self) -> Section:
        """What the incumbent consists of, and what its last parts have in common."""
        items = [Item(line(judged), 100.0) for judged in self.kept]
        common = Counter(place for judged in self.kept[-_LAST_KEEPS:] for place in judged.about)
        often = [f"{place} ({count} times)" for place, count in common.most_common(4) if count > 1]
        if often:
            items.append(Item(f"\nThe last keeps have in common: {', '.join(map(plain, often))}.", 100.0))
        return Section("What is kept, and so in the file already", items)

    def _near(self) -> Section:
        near = [judged for judged in self.tried if is_near_miss(judged)]
        return Section(
            "Near misses: perhaps better, not surely; worth combining or pushing further",
            [Item(line(judged), 80.0 + _recency(judged, self.tried)) for judged in near],
        )

    def _stale(self) -> Section:
        """Ideas that were not better in a file that is no longer the same there."""
        items = []
        for judged in self.tried:
            later = [keep for keep in self.kept if keep.number > judged.number and set(keep.about) & set(judged.about)]
            if judged.verdict == "discard" and later:
                place = next(place for place in judged.about if place in later[-1].about)
                why = f"{plain(place)} was changed since, by experiment {later[-1].number}"
                items.append(Item(f"{line(judged)} ({why})", 30.0 + _recency(judged, self.tried)))
        return Section("Not better when it was tried, but the file has changed there since", items)

    def _failures(self) -> Section:
        failed = [
            judged for judged in self.tried if judged.verdict in ("crash", "timeout") and judged.output_tail.strip()
        ]
        return Section(
            "The last lines of what failed",
            [
                Item(f"Experiment {judged.number}:\n\n{fenced(_last_lines(judged.output_tail))}", 40.0 + index)
                for index, judged in enumerate(failed[-5:])
            ],
        )

    def _experiments(self) -> Section:
        """Every experiment once, under what it touches most often."""
        kept = {judged.number for judged in self.kept}
        items = []
        for place, members in by_place(self.tried).items():
            wins = sum(judged.number in kept for judged in members)
            items.append(Item(f"\n`{plain(place) or 'nothing'}`: {len(members)} tried, {wins} kept", 95.0))
            items += [Item(line(judged), 10.0 + _recency(judged, self.tried)) for judged in members]
        return Section("What was tried, by what it changes: gain and its 95 % interval, positive is better", items)


def line(judged: Judged) -> str:
    """One experiment in one line: its effect with its interval, where it has one, else why it has none."""
    effect = effect_words(judged)
    return f"- {judged.number} **{judged.verdict}** {plain(judged.hypothesis)}: {effect or plain(judged.reason)}"


def effect_words(judged: Judged) -> str:
    """ "+0.012 [+0.004, +0.02]"; positive is better. "" where nothing was measured."""
    if judged.gain is None or judged.verdict in ("crash", "timeout", "invalid", "no_change"):
        return ""
    if judged.gain_low is None or judged.gain_high is None or judged.gain_low == judged.gain_high:
        return f"{judged.gain:+.3g}"
    return f"{judged.gain:+.3g} [{judged.gain_low:+.3g}, {judged.gain_high:+.3g}]"


def fenced(text: str) -> str:
    """Words from outside as data: each line is marked, so that none can speak as the brief."""
    return "\n".join(f"    | {row}" for row in text.strip("\n").splitlines())


def plain(text: str) -> str:
    """Words from outside within a line."""
    return " ".join(text.split())


def _last_lines(text: str) -> str:
    return "\n".join(text.splitlines()[-_TAIL_LINES:])


def _recency(judged: Judged, tried: Sequence[Judged]) -> float:
    """From 0 for the oldest to 10 for the newest."""
    first, last = tried[0].number, tried[-1].number
    return 10.0 * (judged.number - first) / max(last - first, 1)
