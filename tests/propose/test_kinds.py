"""Which places a change touches, and which changes are one and the same idea."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.propose.kinds import change_of, places_of

BEFORE = """import os
LR = 0.1
BATCH = 3
class GPT:
    def forward(self, x):
        y = x
        return y

    def other(self):
        pass

def main():
    a = 1
"""


@pytest.mark.parametrize(
    ("old", "new", "places"),
    [
        ("0.1", "0.2", ("LR",)),
        ("BATCH = 3\n", "", ("BATCH",)),
        ("y = x", "y = x * 2", ("GPT.forward",)),
        ("        pass\n", "        pass\n\n    def third(self):\n        pass\n", ("GPT.third",)),
        ("a = 1", "a = 2\n    # why", ("main",)),
        ("0.1\nBATCH = 3", "0.2\nBATCH = 4", ("LR", "BATCH")),
    ],
)
def test_places_in_python(old: str, new: str, places: tuple[str, ...]) -> None:
    assert places_of({"t.py": BEFORE.encode()}, {"t.py": BEFORE.replace(old, new).encode()}) == places


@pytest.mark.parametrize(
    ("before", "after", "places"),
    [
        ("opt:\n  lr: 3\n  wd: 1\n", "opt:\n  lr: 4\n  wd: 1\n", ("opt.lr",)),
        ('C = {\n  "lr": 3,\n}\n', 'C = {\n  "lr": 4,\n}\n', ("C.lr",)),
        ("export function f(a) {\n  return a;\n}\n", "export function f(a) {\n  return 1;\n}\n", ("f",)),
        ("3\n", "4\n", ("layout",)),
    ],
)
def test_places_elsewhere(before: str, after: str, places: tuple[str, ...]) -> None:
    assert places_of({"file": before.encode()}, {"file": after.encode()}) == places


def test_several_files_are_named() -> None:
    before, after = (
        {"a.py": b"X = 1\n", "b.py": b"Y = 1\n"},
        {"a.py": b"X = 1\n", "b.py": b"Y = 2\n", "c.py": b"Z = 1\n"},
    )
    assert places_of(before, after) == ("b.py: Y", "c.py: Z")


def test_the_same_idea_whatever_its_layout_and_wherever_it_is() -> None:
    def change(before: str, after: str, name: str = "t.py") -> str:
        return change_of({name: before.encode()}, {name: after.encode()})

    plain = change("a = 1\nLR = 0.1\n", "a = 1\nLR = 0.2\n")
    assert change("a = 1\n\n\n# x\nLR = 0.1\n", "a = 1\n\n\n# x\nLR  =  0.2  # more\n") == plain
    assert change("a = 7\nb = 1\nLR = 0.1\n", "a = 7\nb = 1\nLR = 0.2\n") == plain
    assert change("a = 1\nLR = 0.1\n", "a = 1\nLR = 0.3\n") != plain
    assert change("a = 1\nLR = 0.1\n", "a = 1\nLR = 0.2\n", "u.py") != plain
    assert change("a = 1\n", "a = 1  # x\n") != change("a = 1\n", "a = 1  # y\n")
    assert change("lr:  1\n", "lr:   2\n", "c.yaml") == change("x: 1\nlr: 1\n", "x: 1\nlr: 2\n", "c.yaml")
    assert change("def f(:\n", "def f(::\n") == change("def  f(:\n", "def f(::\n\n")


@given(st.binary(), st.binary())
def test_any_bytes_have_a_kind(before: bytes, after: bytes) -> None:
    places = places_of({"a.py": before}, {"a.py": after})
    assert all(places)
    assert len(change_of({"a.py": before}, {"a.py": after})) == 64
