"""A plain-English document cut into sentences that remember their line and what they stand under.

A line such as "`score.py`" in a list says nothing by itself; under "You must not edit:" it says everything.
So every piece carries its lead: the heading or the line ending in a colon above it.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"\s{0,12}(```|~~~)\s*([\w+-]*)")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s+(.*)")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+(?=\S)")
_SENTENCE_END = re.compile(r"[.!?][*_\"')\]]{0,4}\s+(?=[A-Z0-9`*\"'(_\[])")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|vs|etc|approx|cf)|^\s*\d+)\.$", re.IGNORECASE)

LONGEST = 1_000
"""A longer sentence is read in parts, so that no rule ever works on a whole book at once."""


@dataclass(frozen=True)
class Piece:
    """One sentence, or one line of a fenced block."""

    text: str
    """Without bold marks; back-ticks stay, since they say that a word is meant literally."""
    line: int
    """1-based, where it begins."""
    lead: str
    """The heading or the line ending in a colon that it stands under."""
    block: int
    """Sentences of one paragraph or list item share it."""
    language: str | None = None
    """A fenced line's language (often empty); None for prose."""

    @property
    def fenced(self) -> bool:
        """Whether it is a line of a fenced block: code or output, not prose."""
        return self.language is not None


def pieces(text: str) -> list[Piece]:
    """Every sentence and fenced line of the document, in order."""
    return list(_Reader().read(text.removeprefix("\ufeff")))


class _Reader:
    """Goes down the lines once, gathering the paragraph at hand."""

    def __init__(self) -> None:
        self.heading = ""
        self.lead = ""
        self.item_lead = ""
        self.block = 0
        self.gathered: list[tuple[int, str]] = []
        self.is_item = False

    def read(self, text: str) -> Iterator[Piece]:
        fence: tuple[str, str] | None = None
        continued = ""
        for number, line in enumerate(text.splitlines(), 1):
            mark = _FENCE.match(line)
            if fence is not None:
                if mark and mark[1] == fence[0]:
                    fence, continued = None, ""
                elif len(continued) < LONGEST and line.rstrip().endswith("\\"):
                    continued += line.rstrip()[:-1].strip() + " "
                else:
                    whole = (continued + line.strip())[:LONGEST]
                    continued = ""
                    yield Piece(whole, number, self.item_lead or self.lead, self.block, fence[1])
            elif mark:
                yield from self.flush()
                fence = (mark[1], mark[2].lower())
            elif found := _HEADING.match(line):
                yield from self.flush()
                self.heading = self.lead = _plain(found[1])
                self.item_lead = ""
                yield Piece(self.lead[:LONGEST], number, "", self._next_block())
            elif not line.strip():
                yield from self.flush()
            else:
                if _ITEM.match(line):
                    yield from self.flush()
                    self.is_item = True
                self.gathered.append((number, _ITEM.sub("", line, count=1).strip(" \t>")))
        yield from self.flush()

    def flush(self) -> Iterator[Piece]:
        """The sentences of the paragraph gathered so far, which may be the lead of what follows."""
        if not self.gathered:
            return
        starts, length = [], 0
        for _, line in self.gathered:
            starts.append(length)
            length += len(line) + 1
        whole = " ".join(line for _, line in self.gathered)
        if not self.is_item:
            self.lead = self.heading
        self._next_block()
        for start, sentence in _sentences(whole):
            number = self.gathered[bisect.bisect_right(starts, start) - 1][0]
            yield Piece(_plain(sentence), number, self.lead, self.block)
        ends_in_colon = _plain(whole[-200:]).endswith(":")
        self.item_lead = _plain(whole[-200:]) if ends_in_colon else ""
        if ends_in_colon and not self.is_item:
            self.lead = self.item_lead
        self.gathered, self.is_item = [], False

    def _next_block(self) -> int:
        self.block += 1
        return self.block


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    start = 0
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    for end in [*ends, len(text)]:
        if end < len(text) and _ABBREVIATION.search(text[max(start, end - 12) : end].rstrip()):
            continue
        for part in range(start, end, LONGEST):
            yield part, text[part : min(end, part + LONGEST)]
        start = end


def _plain(text: str) -> str:
    return text.replace("**", "").strip(" \t*")
