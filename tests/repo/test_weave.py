"""Any subset of ideas as one version."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.repo.weave import Weave

BASE = {"a.py": b"one\ntwo\nthree\n"}


def text(weave: Weave, *ideas: int) -> str:
    return weave.version(ideas)["a.py"].decode()


def test_changes_of_neighbouring_lines_go_together() -> None:
    weave = Weave(BASE)
    weave.add(1, [], {"a.py": b"ONE\ntwo\nthree\n"})
    weave.add(2, [], {"a.py": b"one\nTWO\nthree\n"})
    assert text(weave, 1, 2) == "ONE\nTWO\nthree\n"
    assert text(weave, 2) == "one\nTWO\nthree\n"
    assert not weave.excludes()
    assert not any(weave.requires().values())


def test_lines_appended_at_the_end_go_together_in_any_subset() -> None:
    weave = Weave(BASE)
    for idea in (1, 2, 3):
        weave.add(idea, [], {"a.py": BASE["a.py"] + b"%d\n" % idea})
    assert text(weave) == "one\ntwo\nthree\n"
    assert sorted(text(weave, 1, 3).splitlines()[3:]) == ["1", "3"]
    assert not weave.excludes()


def test_two_that_replace_the_same_line_exclude_each_other() -> None:
    weave = Weave(BASE)
    weave.add(1, [], {"a.py": b"one\nzwei\nthree\n"})
    weave.add(2, [], {"a.py": b"one\ndeux\nthree\n"})
    assert weave.excludes() == {1: {2}, 2: {1}}
    assert weave.touched(1) == weave.touched(2)
    weave.remove([1])
    assert not weave.excludes()
    assert text(weave, 2) == "one\ndeux\nthree\n"


def test_one_that_replaces_what_another_wrote_needs_it() -> None:
    weave = Weave(BASE)
    weave.add(1, [], {"a.py": b"one\nzwei\nthree\n"})
    weave.add(2, [1], {"a.py": b"one\nZWEI\nthree\n"})
    assert weave.requires()[2] == {1}
    assert text(weave, 1, 2) == "one\nZWEI\nthree\n"
    assert weave.touched(1) == weave.touched(2)  # It is still the baseline's second line that they are about.


def test_what_follows_a_replaced_line_comes_after_its_replacement() -> None:
    weave = Weave(BASE)
    weave.add(1, [], {"a.py": b"one\nzwei\nthree\n"})
    weave.add(2, [], {"a.py": b"one\ntwo\nand a half\nthree\n"})
    assert text(weave, 1, 2) == "one\nzwei\nand a half\nthree\n"


def test_files_that_come_and_go() -> None:
    weave = Weave(BASE)
    weave.add(1, [], {**BASE, "b.py": b"new\n"})
    weave.add(2, [1], {**BASE, "b.py": b"newer\n"})
    weave.add(3, [], {})
    assert weave.version([1]) == {**BASE, "b.py": b"new\n"}
    assert weave.version([1, 2])["b.py"] == b"newer\n"
    assert weave.version([3]) == {}
    assert weave.requires()[2] == {1}
    weave.add(4, [3], {"a.py": b"again\n"})
    assert weave.version([3, 4]) == {"a.py": b"again\n"}


def test_the_same_idea_cannot_be_added_twice() -> None:
    weave = Weave(BASE)
    weave.add(1, [], {"a.py": b""})
    with pytest.raises(ValueError, match="already"):
        weave.add(1, [], {"a.py": b""})


contents = st.lists(st.sampled_from([b"a\n", b"b\n", b"c\n", b"d", b"\r\n", b"\xff"]), max_size=8).map(b"".join)
files = st.dictionaries(st.sampled_from(["x", "y"]), contents, max_size=2)


@given(files, st.lists(files, min_size=1, max_size=6))
def test_a_chain_of_any_edits_reads_back_as_it_was_written(
    first: dict[str, bytes], edits: list[dict[str, bytes]]
) -> None:
    weave = Weave(first)
    for number, edited in enumerate(edits, start=1):
        weave.add(number, range(1, number), edited)
        assert weave.version(range(1, number + 1)) == edited
    assert weave.version([]) == first


@given(files, st.lists(files, min_size=1, max_size=5))
def test_ideas_side_by_side_read_back_and_leave_no_trace(
    first: dict[str, bytes], edits: list[dict[str, bytes]]
) -> None:
    weave = Weave(first)
    for number, edited in enumerate(edits, start=1):
        weave.add(number, [], edited)
    for number, edited in enumerate(edits, start=1):
        assert weave.version([number]) == edited
    weave.remove(range(1, len(edits)))
    assert weave.version([len(edits)]) == edits[-1]
    assert weave.version([]) == first
