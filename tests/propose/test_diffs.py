"""Unified diffs: what they change, however they were written, and what is said of one that does not fit."""

from __future__ import annotations

import difflib
import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from overnight.propose.diffs import apply_diff
from overnight.propose.edits import EditError

FILE = b"LR = 0.1\nSTEPS = 10\n\n\ndef step(x):\n    return x\n\n\ndef other(x):\n    return x\n"
FILES = {"train.py": FILE, "lib/a.py": b"A = 1\n"}
LR = "--- a/train.py\n+++ b/train.py\n@@ -1,2 +1,2 @@\n-LR = 0.1\n+LR = 0.2\n STEPS = 10\n"


def apply(diff: str, files: dict[str, bytes] = FILES) -> dict[str, bytes | None]:
    return apply_diff(files, diff, lambda path: path in (*files, "new.py"))


def problem(diff: str) -> EditError:
    with pytest.raises(EditError) as caught:
        apply(diff)
    return caught.value


_LINES = st.lists(st.sampled_from(["a", "b", "", "-- a", "++ b", "@@", "\tc"]), max_size=12)


@given(before=_LINES, after=_LINES)
def test_any_diff_makes_what_it_was_made_from(before: list[str], after: list[str]) -> None:
    assume(before != after)
    assume([""] not in (before, after))  # There are no lines around that: refused.
    old, new = ([f"{line}\n" for line in lines] for lines in (before, after))
    diff = "".join(difflib.unified_diff(old, new, "a/f", "b/f"))
    assert apply(diff, {"f": "".join(old).encode()}) == {"f": "".join(new).encode()}


@given(st.text(alphabet="-+@ a\n/b\\", max_size=80))
def test_any_text_is_made_or_explained(text: str) -> None:
    try:
        changed = apply(text)
    except EditError:
        return
    assert changed


def test_what_git_writes_is_read(tmp_path: Path) -> None:
    """More than one file, one of them new, one of them gone, with Windows' line ends in one."""
    files = {"train.py": FILE.replace(b"\n", b"\r\n"), "lib/a.py": b"A = 1\n", "b.py": b"B = 1\n"}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    git = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@localhost", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "-A"], check=True)
    subprocess.run([*git, "commit", "-qm", "start"], check=True)
    (tmp_path / "train.py").write_bytes(files["train.py"].replace(b"return x", b"return 2 * x"))
    (tmp_path / "lib/a.py").unlink()
    (tmp_path / "new.py").write_text("N = 1\n")
    subprocess.run([*git, "add", "-A"], check=True)
    diff = subprocess.run([*git, "diff", "--cached"], check=True, capture_output=True).stdout.decode()
    assert apply(diff, files) == {
        "train.py": (tmp_path / "train.py").read_bytes(),
        "lib/a.py": None,
        "new.py": b"N = 1\n",
    }


@pytest.mark.parametrize(
    "diff",
    [
        LR.replace("a/", "").replace("b/", ""),
        LR.replace("@@ -1,2 +1,2 @@", "@@ -70,9 +3,1 @@ def step(x):"),
        LR.replace("@@ -1,2 +1,2 @@", "@@"),
        LR.replace("\n", "\r\n"),
        f"Here it is:\n```diff\n{LR}```\nGood luck!\n",
        f"diff --git a/train.py b/train.py\nindex 1..2 100644\n{LR}\n\n",
    ],
)
def test_written_by_hand(diff: str) -> None:
    assert apply(diff) == {"train.py": FILE.replace(b"0.1", b"0.2")}


def test_the_line_decides_only_where_the_lines_alone_do_not() -> None:
    twice = "--- a/train.py\n+++ b/train.py\n@@ -LINE,1 +LINE,1 @@\n-    return x\n+    return -x\n"
    second = apply(twice.replace("LINE", "10"))["train.py"]
    assert second == FILE[: FILE.rindex(b"x")] + b"-x\n"
    assert "Hunk 1: its old text occurs 2 times in train.py (lines 6, 10)" in str(problem(twice.replace("LINE", "7")))


@pytest.mark.parametrize(
    ("diff", "kind", "words"),
    [
        ("", "nothing", "There is no change in the patch. Write it as `git diff` does"),
        ("LR = 0.2", "nothing", "There is no change in the patch"),
        (LR.replace("0.2", "0.1"), "nothing", "change nothing"),
        (
            LR.replace("0.1", "0.3"),
            "mismatch",
            "Hunk 1: its old text does not occur in train.py. The nearest lines are",
        ),
        (LR.replace("train.py", "score.py"), "elsewhere", "'score.py' is not a file that you may change"),
        (LR.replace("train.py", "../train.py"), "elsewhere", "'../train.py' is not a file"),
        (LR.replace("a/train.py", "/etc/passwd").replace("b/train.py", "/etc/passwd"), "elsewhere", "'/etc/passwd'"),
        (LR.replace("b/train.py", "/dev/null").replace("train.py", "score.py"), "elsewhere", "'score.py'"),
        (LR.replace("train.py", "new.py"), "mismatch", "there is no new.py yet"),
        ("--- /dev/null\n+++ b/train.py\n@@ -0,0 +1 @@\n+LR = 1\n", "mismatch", "its old text is empty, but train.py"),
        ("--- a/lib/a.py\n+++ b/lib/a.py\n@@ -1 +1 @@\n-A = 1\n+\n", "mismatch", "no lines around the change"),
    ],
)
def test_what_does_not_fit_is_explained(diff: str, kind: str, words: str) -> None:
    error = problem(diff)
    assert error.problem == kind
    assert words in str(error)
