"""The live variant that waits for a person's approval: all that is in it, as text, and a page as people would see it.

What it holds was written by a guest, for strangers. Here it is text like any other; the one thing that a browser may
read as markup is a page's preview, in a frame that `guard.py` shuts in.
"""

from __future__ import annotations

import re
from typing import Any

from overnight.dashboard.diff import coloured, note
from overnight.errors import SessionError
from overnight.ledger.asking import expect
from overnight.ledger.history import History
from overnight.ledger.records import Proposed
from overnight.loop.patches import candidate_patch
from overnight.loop.reading import awaiting
from overnight.loop.state import State
from overnight.morning.plain import printable
from overnight.repo.git import Repository

MOST_CHARACTERS = 300_000
"""Of one file that the page shows."""
LARGEST_PREVIEW = 2_000_000
_PAGES = (".html", ".htm")
_REACHES_OUT = re.compile(r"<(?=link|iframe|frame|fencedframe|object|embed|portal)", re.IGNORECASE)
"""Elements for which a browser may open a connection ahead of the policy that then loads nothing over it."""


def waiting_variant(history: History, state: State) -> dict[str, Any]:
    """Which experiment waits, and since when; None where none does."""
    awaited = awaiting(history, state)
    if awaited is None:
        return {"number": None, "since": None}
    return {"number": expect(Proposed, awaited).number, "since": awaited.time}


def variant(history: History, state: State, number: int) -> dict[str, Any]:
    """All that a person has to see before they say yes. Raises SessionError where that experiment does not wait."""
    proposed = _proposed(history, state, number)
    repository = Repository.find(state.folder.parent)
    patch = candidate_patch(repository, proposed)
    names = _changed(repository, proposed) if patch is not None else []
    return {
        "number": number,
        "hypothesis": proposed.hypothesis,
        "proposer": proposed.proposer,
        "is_whole": patch is not None,
        "patch": coloured(patch) if patch is not None else note("Git no longer has this candidate."),
        "files": [_file(repository, proposed, name) for name in names],
    }


def preview(history: History, state: State, number: int, place: int) -> str:
    """A page of the variant, the `place`th of its files. Raises SessionError where there is none."""
    proposed = _proposed(history, state, number)
    repository = Repository.find(state.folder.parent)
    names = _changed(repository, proposed)
    raw = repository.read(proposed.commit or "", names[place]) if place < len(names) else None
    if raw is None or not _is_page(names[place], raw):
        raise SessionError("there is no such page")
    # Read here as the UTF-8 that it is given out as: a mark at its beginning would make it another text to a browser.
    return _REACHES_OUT.sub("<not-", raw.decode("utf-8", errors="replace"))


def _proposed(history: History, state: State, number: int) -> Proposed:
    awaited = awaiting(history, state)
    proposed = expect(Proposed, awaited) if awaited else None
    if proposed is None or proposed.number != number:
        raise SessionError(f"experiment {number} does not wait for anybody's approval")
    return proposed


def _changed(repository: Repository, proposed: Proposed) -> list[str]:
    return repository.changed(proposed.parent, proposed.commit or "")


def _file(repository: Repository, proposed: Proposed, name: str) -> dict[str, Any]:
    raw = repository.read(proposed.commit or "", name)
    shown = {"name": printable(name), "text": "", "notes": list[str](), "has_preview": False}
    if raw is None:
        return {**shown, "notes": ["This file is taken away."]}
    if b"\0" in raw:
        return {**shown, "notes": [f"This is no text: {len(raw):,} bytes."]}
    text = raw.decode("utf-8", errors="replace").replace("\r\n", "\n")
    readable = printable(text)
    notes = []
    if len(text) > MOST_CHARACTERS:
        rest = f"`git show {(proposed.commit or '')[:7]}:./{name}` has all of it"
        notes.append(f"Only the first {MOST_CHARACTERS:,} of {len(text):,} characters; {rest}.")
    if "�" in readable:
        notes.append("Some of it is no UTF-8 text, or cannot be seen: � stands for that.")
    return {**shown, "text": readable[:MOST_CHARACTERS], "notes": notes, "has_preview": _is_page(name, raw)}


def _is_page(name: str, raw: bytes) -> bool:
    return name.lower().endswith(_PAGES) and len(raw) <= LARGEST_PREVIEW and b"\0" not in raw
