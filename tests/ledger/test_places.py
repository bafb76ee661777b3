"""Experiments by what they change."""

from __future__ import annotations

from overnight.ledger.places import by_place
from overnight.ledger.records import Judged


def tried(number: int, *about: str) -> Judged:
    return Judged(number=number, verdict="discard", reason="", about=about)


def test_each_stands_once_under_what_is_touched_most_often() -> None:
    groups = by_place([tried(1, "LR", "WIDTH"), tried(2, "WIDTH"), tried(3), tried(4, "LR", "DEPTH"), tried(5, "LR")])
    assert {place: [judged.number for judged in members] for place, members in groups.items()} == {
        "LR": [1, 4, 5],
        "WIDTH": [2],
        "": [3],
    }
    assert [*groups] == ["LR", "WIDTH", ""]
