"""Patches as coloured words: all of the text is there, in its order, and none of it is markup."""

from __future__ import annotations

import pytest

from overnight.dashboard.diff import MOST_LINES, coloured

PATCH = """diff --git a/train.py b/train.py
index 1111111..2222222 100644
--- a/train.py
+++ b/train.py
@@ -1,3 +1,3 @@ def f():
 import os
-LR = 0.1
+LR = "<script>alert(1)</script>"
 -- x
\\ No newline at end of file
"""


def test_each_line_has_its_kind_and_its_words() -> None:
    lines = coloured(PATCH)
    assert [(line["kind"], "".join(text for _, text in line["pieces"])) for line in lines] == [
        ("file", "train.py"),
        ("hunk", "@@ -1,3 +1,3 @@ def f():"),
        ("same", "import os"),
        ("removed", "LR = 0.1"),
        ("added", 'LR = "<script>alert(1)</script>"'),
        ("same", "-- x"),
        ("note", "\\ No newline at end of file"),
    ]
    assert ["kn", "import"] in lines[2]["pieces"]
    assert ["mf", "0.1"] in lines[3]["pieces"]


def test_what_looks_like_a_head_inside_a_hunk_is_text() -> None:
    patch = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n--- gone\n+++ new\n"
    assert [line["kind"] for line in coloured(patch)] == ["file", "hunk", "removed", "added"]


@pytest.mark.parametrize("end", ["\r", "\f", "\v", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_line_ends_where_git_ends_it(end: str) -> None:
    patch = (
        f"diff --git a/x.py b/x.py\n@@ -1 +1,2 @@\n-a = 1\r\n+a = 2 #{end}-check(){end}diff --git a/y b/y\r\n+b = 3\n"
    )
    assert [(line["kind"], "".join(text for _, text in line["pieces"])) for line in coloured(patch)[2:]] == [
        ("removed", "a = 1"),
        ("added", "a = 2 #�-check()�diff --git a/y b/y"),
        ("added", "b = 3"),
    ]


def test_a_language_that_nobody_knows_is_plain() -> None:
    patch = "diff --git a/x.weird b/x.weird\n@@ -1 +1 @@\n+a\tb\n+\n"
    assert coloured(patch)[2:] == [{"kind": "added", "pieces": [["", "a\tb"]]}, {"kind": "added", "pieces": []}]


def test_an_empty_line_and_a_form_feed_stay_where_they_are() -> None:
    patch = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n a\x0cb\n \n-c\n+d\n"
    assert [line["kind"] for line in coloured(patch)] == ["file", "hunk", "same", "same", "removed", "added"]


def test_what_is_taken_away_is_read_without_what_is_added() -> None:
    patch = '--- a/x.py\n+++ /dev/null\n@@ -1,3 +1,2 @@\n-s = """\n+x = 1\n y = 2\n-"""\n'
    kinds = {line["kind"]: line["pieces"] for line in coloured(patch)}
    assert ["mi", "1"] in kinds["added"]
    assert ["mi", "2"] in kinds["same"]


def test_a_very_long_patch_is_cut_and_says_so() -> None:
    patch = "diff --git a/x.py b/x.py\n@@ -0,0 +1,9 @@\n" + "+x = 1\n" * 5000
    lines = coloured(patch)
    assert len(lines) <= MOST_LINES + 1
    assert "more lines" in lines[-1]["pieces"][0][1]


def test_nothing_changed() -> None:
    assert coloured("") == []
