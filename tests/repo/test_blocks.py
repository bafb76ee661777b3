"""EVOLVE-BLOCK markers: what is inside, which changes keep to it, and which markers do not pair."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.repo.blocks import MarkersError, blocks, has_blocks, is_inside, trespass

TWO = b"""import math
# EVOLVE-BLOCK-START
A = 1
# EVOLVE-BLOCK-END
LIMIT = 3
    # EVOLVE-BLOCK-START
B = 2
    # EVOLVE-BLOCK-END
print(A)
"""


def test_each_block_is_what_stands_between_its_markers() -> None:
    assert blocks(TWO) == [range(2, 3), range(6, 7)]
    assert blocks(b"A = 1\n") is None
    assert blocks(TWO.replace(b"\n", b"\r\n")) == [range(2, 3), range(6, 7)]


@pytest.mark.parametrize("comment", ["#", "//", "--", ";;", "%", "/*", "<!--", "(*", "", "  # --- "])
def test_the_comment_is_that_of_any_language(comment: str) -> None:
    assert blocks(f"{comment} EVOLVE-BLOCK-START here\nx\n{comment} EVOLVE-BLOCK-END */\n".encode()) == [range(1, 2)]


@pytest.mark.parametrize("line", ["mark = '# EVOLVE-BLOCK-START'", '"EVOLVE-BLOCK-START"', "# see EVOLVE-BLOCK-START"])
def test_code_and_prose_may_speak_of_markers(line: str) -> None:
    assert not has_blocks(f"{line}\nx = 1\n".encode())


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (b"x\n# EVOLVE-BLOCK-START\n", 2, "without an EVOLVE-BLOCK-END after it"),
        (b"# EVOLVE-BLOCK-END\n", 1, "without a EVOLVE-BLOCK-START before it"),
        (b"# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-END\n", 2, "inside the block that line 1 opens"),
    ],
)
def test_markers_that_do_not_pair_are_told_with_their_line(text: bytes, line: int, said: str) -> None:
    with pytest.raises(MarkersError, match=said) as raised:
        blocks(text)
    assert raised.value.line == line


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"A = 1\n", b"A = 5\n"), (b"A = 1\n", b""), (b"A = 1\n", b"A = 1\nC = 2\nD = 3\n"), (b"B = 2\n", b"B = 7\n")],
)
def test_inside_the_blocks_anything_goes(old: bytes, new: bytes) -> None:
    assert trespass("p.py", TWO, TWO.replace(old, new)) is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"LIMIT = 3", b"LIMIT = 4", "it changed line 5 of p.py (`LIMIT = 3`)"),
        (b"print(A)\n", b"", "it changed line 9 of p.py (`print(A)`)"),
        (b"print(A)\n", b"print(A)\nprint(B)", "it changed line 10"),
        (b"LIMIT", b"NEW = 1\nLIMIT", "it changed line 5"),
        (b"# EVOLVE-BLOCK-END\nLIMIT = 3\n", b"LIMIT = 4\n# EVOLVE-BLOCK-END\n", "it changed line 5"),
        (b"A = 1\n", b"# EVOLVE-BLOCK-END\nC = 1\n# EVOLVE-BLOCK-START\n", "it changed line 5"),
        (b"# EVOLVE-BLOCK-END\nLIMIT", b"LIMIT", "do not pair any more: line 5"),
        (b"import math", b"import  math", "it changed line 1"),
    ],
)
def test_outside_nothing_does(old: bytes, new: bytes, said: str) -> None:
    reason = trespass("p.py", TWO, TWO.replace(old, new, 1))
    assert reason is not None
    assert said in reason


def test_a_file_with_markers_cannot_be_deleted_and_one_without_is_free() -> None:
    assert "deleted p.py" in (trespass("p.py", TWO, None) or "")
    assert trespass("p.py", b"A = 1\n", None) is None
    assert trespass("p.py", b"A = 1\n", b"B = 1\n") is None
    assert trespass("new.py", None, TWO) is None
    assert "do not pair" in (trespass("new.py", None, b"# EVOLVE-BLOCK-END\n") or "")


def test_the_lines_of_characters() -> None:
    text = TWO.decode()
    inside = blocks(TWO)
    assert inside is not None

    def held(start: str, end: str = "") -> bool:
        at = text.index(start)
        return is_inside(inside, text, at, text.index(end, at) + len(end) if end else at + len(start))

    assert held("A = 1")
    assert held("B = 2")
    assert not held("3")
    assert not held("A = 1", "LIMIT")
    assert not held("A = 1", "B = 2"), "from one block into another is not inside"


lines = st.lists(st.sampled_from([b"# EVOLVE-BLOCK-START", b"# EVOLVE-BLOCK-END", b"a", b"b", b""]), max_size=8)


@given(lines, lines)
def test_a_change_that_is_let_through_leaves_every_other_line_and_the_markers(
    before: list[bytes], after: list[bytes]
) -> None:
    old, new = b"\n".join(before), b"\n".join(after)
    if not has_blocks(old) or trespass("p", old, new) is not None:
        return

    def fixed(content: bytes) -> list[bytes]:
        free = {number for block in blocks(content) or [] for number in block}
        return [line for number, line in enumerate(content.split(b"\n")) if number not in free]

    assert fixed(old) == fixed(new)
    assert len(blocks(old) or []) == len(blocks(new) or [])
