"""Words from outside (an agent's, a run's, a file's name), made fit to stand in a document."""

from __future__ import annotations

import unicodedata

_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
"""Invisible, but some scripts and signs cannot be written without them."""


def printable(text: str) -> str:
    """Without what cannot be seen but acts: control characters, marks that turn the direction of writing."""
    return text if text.isprintable() else "".join(sign if _is_harmless(sign) else "�" for sign in text)


def _is_harmless(sign: str) -> bool:
    return sign.isprintable() or sign in "\n\t" or sign in _JOINERS or unicodedata.category(sign) == "Zs"


def one_line(text: str) -> str:
    """In one line, printable."""
    return printable(" ".join(text.split()))


def shortened(text: str, most: float) -> str:
    """At most `most` columns wide, cut between words where that loses little."""
    if columns(text) <= most:
        return text
    room, end = most - 1, 0
    for sign in text:
        room -= columns(sign)
        if room < 0:
            break
        end += 1
    cut = text[:end]
    space = cut.rfind(" ")
    return f"{cut[:space] if space > 0.6 * len(cut) else cut}…"


def columns(text: str) -> int:
    """How wide it is, in letters of usual width."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
