"""Which files may change, whether two versions are the same, and whether a file can still be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.repo.candidate import Scope, apply_changes, fingerprint, unparsable

FILES = st.dictionaries(st.text(max_size=5), st.binary(max_size=8), max_size=4)


@given(FILES, FILES)
def test_fingerprints_are_equal_exactly_when_the_files_are(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)
    assert fingerprint(one) == fingerprint(dict(reversed(one.items())))


def test_names_and_contents_cannot_be_confused() -> None:
    assert fingerprint({"a": b"b", "c": b"d"}) != fingerprint({"a": b"b1:c1:d"})
    assert fingerprint({"ab": b"c"}) != fingerprint({"a": b"bc"})


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("train.py", ["train.py"], ["./x/train.py", "train.pyc", "trainXpy"]),
        ("./train.py", ["train.py"], []),
        ("src/*.py", ["src/a.py"], ["src/deep/a.py", "a.py"]),
        ("src/**/*.py", ["src/a.py", "src/deep/er/a.py"], ["a.py", "srcx/a.py"]),
        ("**", ["a", "b/c"], []),
        ("page?.[hc]tml", ["page1.html", "page2.ctml"], ["page10.html", "page/.html", "page1.xtml"]),
        ("a+b(1).txt", ["a+b(1).txt"], ["aab1.txt"]),
    ],
)
def test_scope(pattern: str, yes: list[str], no: list[str]) -> None:
    scope = Scope([pattern])
    assert scope.of([*yes, *no]) == yes


def test_patterns_that_stand_for_nothing() -> None:
    assert Scope(["a.py", "b/*.py", "c.py"]).untracked(["a.py", "b/x.txt"]) == ["b/*.py", "c.py"]
    assert Scope(["a.py", "b.py"]).literal == ("a.py", "b.py")
    assert Scope(["a.py", "b*.py"]).literal is None


@given(FILES, FILES)
def test_changes_are_made_and_everything_else_stays(files: dict[str, bytes], changes: dict[str, bytes]) -> None:
    assert apply_changes(files, changes) == {**files, **changes}
    assert apply_changes(files, dict.fromkeys(changes)) == {
        path: content for path, content in files.items() if path not in changes
    }


@pytest.mark.parametrize(
    ("path", "good", "bad", "words"),
    [
        ("a.py", b"x = 1\n", b"x = 1\ny = (\n", "line 2: '(' was never closed"),
        ("a.py", "é = 'ü'\n".encode(), b"\xff\xfe", ""),
        ("a.py", b"x = 1\n", b"x = 1\0\n", "source code string cannot contain null bytes"),
        ("a.json", b'{"a": 1}', b'{"a": }', "Expecting value"),
        ("a.toml", b"a = 1", b"a = ", "Invalid value"),
        ("a.yaml", b"a: [1]\n---\nb: 2", b"a: [1", ""),
        ("a.txt", b"\xff anything", b"", ""),
    ],
)
def test_files_with_a_grammar(path: str, good: bytes, bad: bytes, words: str) -> None:
    assert unparsable(path, good) is None
    problem = unparsable(path, bad)
    assert (problem is None) == path.endswith(".txt")
    assert words in (problem or "")
    assert "None" not in (problem or "")


@given(st.sampled_from([".py", ".json", ".toml", ".yaml"]), st.binary(max_size=60))
def test_no_contents_make_it_fall_over(suffix: str, content: bytes) -> None:
    assert isinstance(unparsable(f"file{suffix}", content), str | None)
