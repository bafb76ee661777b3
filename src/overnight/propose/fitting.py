"""A text that must not be longer than so many tokens: what tells least is left out first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from overnight.propose.usage import tokens_in


@dataclass(frozen=True)
class Item:
    """One line or block."""

    text: str
    worth: float
    """Of two items, the one with less of it is left out first."""


@dataclass(frozen=True)
class Section:
    """A title and what stands under it."""

    title: str
    items: Sequence[Item]


def fit(sections: Iterable[Section], tokens: int) -> str:
    """The sections as Markdown in at most about so many tokens; where something is left out, it says how much."""
    sections = list(sections)
    left_out: set[tuple[int, int]] = set()
    size = sum(tokens_in(section.title) + 8 for section in sections)
    sized = {
        (row, column): tokens_in(item.text) + 1
        for row, section in enumerate(sections)
        for column, item in enumerate(section.items)
    }
    size += sum(sized.values())
    for key in sorted(sized, key=lambda key: (sections[key[0]].items[key[1]].worth, key)):
        if size <= tokens:
            break
        left_out.add(key)
        size -= sized[key]
    return "\n\n".join(filter(None, (_markdown(row, section, left_out) for row, section in enumerate(sections))))


def _markdown(row: int, section: Section, left_out: set[tuple[int, int]]) -> str:
    shown = [item.text for column, item in enumerate(section.items) if (row, column) not in left_out]
    missing = len(section.items) - len(shown)
    if not shown:
        return ""
    more = f"\n\n({missing} more are left out here.)" if missing else ""
    body = "\n".join(shown).strip("\n")
    return f"## {section.title}\n\n{body}{more}"
