"""Diffs, cut and in colours."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from overnight.morning.report.changes import cut
from overnight.morning.report.colours import coloured

PATCH = '''diff --git a/train.py b/train.py
index 1..2 100644
--- a/train.py
+++ b/train.py
@@ -1,4 +1,4 @@
 """A string
-that ends: 1"""
+that ends: 2"""
 x = 3  # <b>
--- not a file's name
+++ nor this
@@ -9 +9 @@ def f():
-old
\\ No newline at end of file
+new
diff --git a/data.bin b/data.bin
Binary files a/data.bin and b/data.bin differ
'''


def test_a_diff_in_colours_is_still_the_diff() -> None:
    shown = cut(PATCH, 100)
    assert shown.cut == 0
    html = coloured(shown.lines)
    assert Markup(html).striptags().split() == Markup.escape("\n".join(shown.lines)).unescape().split()
    rows = html.split("\n")
    assert len(rows) == len(shown.lines)
    assert rows[4] == '<span class="del">-<span class="s">that ends: 1&#34;&#34;&#34;</span></span>'
    assert rows[6] == ' x = <span class="m">3</span>  <span class="c"># &lt;b&gt;</span>'
    assert rows[7].startswith('<span class="del">---')
    assert rows[8].startswith('<span class="add">+++')
    assert rows[11].startswith('<span class="note">')


@given(st.lists(st.text(st.characters(exclude_characters="\n")), max_size=12))
def test_whatever_git_says_is_shown_line_by_line(lines: list[str]) -> None:
    shown = cut("\n".join(lines), 100)
    html = coloured(["+++ b/train.py", *shown.lines])
    assert html.count("\n") == len(shown.lines)
    text = Markup(re.sub(r"<[^>]*>", "", html)).unescape()
    assert text == "\n".join(["+++ b/train.py", *shown.lines])
