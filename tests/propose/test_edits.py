"""Exact edits: what they change, what they leave alone, and what a model is told of one that cannot be made."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from overnight.propose.edits import Edit, EditError, apply_edits

FILE = b"LR = 0.1\nmax = 10\nLR_2 = 0.1\n\ndef step(x):\n    return x\n"
FILES = {"train.py": FILE, "lib/a.py": b""}


def apply(*edits: Edit, files: dict[str, bytes] = FILES) -> dict[str, bytes]:
    return apply_edits(files, edits, lambda path: path in (*files, "new.py"))


def problem(*edits: Edit, files: dict[str, bytes] = FILES) -> EditError:
    with pytest.raises(EditError) as caught:
        apply(*edits, files=files)
    return caught.value


_TEXT = st.text(alphabet="ab \n=", max_size=30)


@given(before=st.binary(max_size=40), search=_TEXT, after=st.binary(max_size=40), new=st.text("xyé", max_size=9))
def test_what_an_edit_does_not_touch_stays_byte_for_byte(before: bytes, search: str, after: bytes, new: str) -> None:
    content = before + search.encode() + after
    windows = content.replace(b"\r\n", b"\n")
    assume(search and not content.startswith(b"\xef\xbb\xbf"))
    assume(not (before.endswith(b"\r") and search.startswith("\n")))  # That is one end of a line, not a half of one.
    places = [n for n in range(len(windows)) if windows.startswith(search.encode(), n)]
    assume(len(places) == 1)
    assume(new != search)
    assert apply(Edit("f", search, new), files={"f": content}) == {"f": before + new.encode() + after}


@given(before=_TEXT, search=_TEXT, after=_TEXT, new=_TEXT)
def test_windows_line_ends_stay_and_a_mark_at_the_start_too(before: str, search: str, after: str, new: str) -> None:
    content = f"{before}{search}{after}"
    assume(search and sum(content.startswith(search, n) for n in range(len(content))) == 1 and new != search)
    assume("\n" in content)
    mark = b"\xef\xbb\xbf"
    file = mark + content.replace("\n", "\r\n").encode()
    expected = mark + f"{before}{new}{after}".replace("\n", "\r\n").encode()
    assert apply(Edit("f", search, new), files={"f": file}) == {"f": expected}


@given(content=st.binary(max_size=60), search=st.text(max_size=8), new=st.text(max_size=8), lines=st.booleans())
def test_any_edit_is_made_or_explained(content: bytes, search: str, new: str, lines: bool) -> None:
    try:
        changed = apply(Edit("f", search, new, whole_lines=lines), files={"f": content})
    except EditError:
        return
    assert changed["f"] != content


def test_several_edits_are_all_about_the_file_as_it_was() -> None:
    swapped = apply(Edit("train.py", "LR = 0.1", "max = 10"), Edit("train.py", "max = 10", "LR = 0.1"))
    assert swapped["train.py"].startswith(b"max = 10\nLR = 0.1\nLR_2")


def test_two_edits_of_one_place_are_sent_back() -> None:
    found = problem(Edit("train.py", "LR = 0.1\nmax", "a"), Edit("train.py", "max = 10", "b"))
    assert str(found) == "Edits 1 and 2 are about the same place of train.py. Make them one."


def test_what_is_no_utf_8_cannot_be_quoted_and_is_told_to_be_left_out() -> None:
    files = {"a.py": "# café\nLR = 0.1\n".encode("latin-1")}
    with pytest.raises(EditError, match="Leave out the lines that hold a �: it stands for what is no UTF-8"):
        apply_edits(files, [Edit("a.py", "# caf�\nLR = 0.1", "LR = 0.2")], lambda _: True)


def test_a_new_file_and_an_empty_one_take_an_empty_search() -> None:
    made = apply(Edit("new.py", "", "A = 1\n"), Edit("./lib/a.py", "", "B = 2\n"))
    assert made == {"new.py": b"A = 1\n", "lib/a.py": b"B = 2\n"}


@pytest.mark.parametrize(
    ("edit", "kind", "words"),
    [
        (Edit("train.py", "0.1", "0.2"), "mismatch", "occurs 2 times in train.py (lines 1, 3)"),
        (Edit("train.py", "def step(y):\n    return y", "z"), "mismatch", "    5 | def step(x):\n    6 |     return x"),
        (Edit("train.py", "def step(x):\n  return x", "z"), "mismatch", "differ in blanks only"),
        (Edit("train.py", "%%%%", "z"), "mismatch", "Nothing in the file is like it"),
        (Edit("train.py", "", "z"), "mismatch", "`search` is empty, but train.py is not"),
        (Edit("new.py", "x", "z"), "mismatch", "there is no new.py yet"),
        (Edit("train.py", "LR = 0.1", "\ud800"), "mismatch", "a character that cannot be written"),
        (Edit("train.py", "max = 10", "max = 10"), "nothing", "change nothing"),
        (Edit("score.py", "x", "y"), "elsewhere", "You may change: lib/a.py, train.py"),
        (Edit("lib/../train.py", "LR = 0.1", "y"), "elsewhere", "not a file that you may change"),
        (Edit("/etc/passwd", "", "y"), "elsewhere", "not a file that you may change"),
    ],
)
def test_what_did_not_match_is_said_precisely(edit: Edit, kind: str, words: str) -> None:
    found = problem(edit)
    assert found.problem == kind
    assert words in str(found)


def test_no_edits_change_nothing() -> None:
    assert problem().problem == "nothing"


def test_whole_lines_are_not_found_within_a_line() -> None:
    assert apply(Edit("train.py", "LR = 0.1", "LR = 0.3", whole_lines=True))["train.py"].startswith(b"LR = 0.3\n")
    assert "does not occur" in str(problem(Edit("train.py", "ax = 10", "ax = 11", whole_lines=True)))


def test_whole_lines_that_go_leave_no_gap() -> None:
    assert apply(Edit("train.py", "max = 10", "", whole_lines=True))["train.py"].startswith(b"LR = 0.1\nLR_2")


def test_a_whole_file_may_not_be_a_mere_part_of_it() -> None:
    long = "".join(f"line {n}\n" for n in range(30)).encode()
    assert apply(Edit("f", "", "A\n" * 20, whole_file=True), files={"f": long}) == {"f": b"A\n" * 20}
    assert "less than half" in str(problem(Edit("f", "", "A\n", whole_file=True), files={"f": long}))


def test_the_nearest_lines_of_a_large_file_are_found_soon() -> None:
    large = "".join(f"value_{n} = {n * n}\n" for n in range(200_000)).encode()
    assert "value_77 = 5929" in str(problem(Edit("f", "value_77 = 5928", "x"), files={"f": large}))
