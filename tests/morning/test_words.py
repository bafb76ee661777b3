"""Words from outside made harmless, effects in words, an agent's Markdown as paragraphs and lists, diffs in colours."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from overnight.ledger.records import Judged
from overnight.morning.changes import cut
from overnight.morning.colours import coloured
from overnight.morning.plain import columns, one_line, printable, shortened
from overnight.morning.story import Block, blocks_of
from overnight.morning.summary import metric_words
from overnight.morning.words import effect_words, energy_words, numbers_words


def judged(**fields: Any) -> Judged:
    return Judged(number=1, verdict="discard", reason="", **fields)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"gain": 0.0218, "gain_low": 0.0083, "gain_high": 0.0347}, ("+0.022", "+0.008 to +0.035")),
        ({"gain": 0.00097, "gain_low": -0.00003, "gain_high": 0.00197}, ("+0.0010", "0.0000 to +0.0020")),
        ({"gain": -120.0, "gain_low": -310.0, "gain_high": 70.0}, ("−120", "−310 to +70")),
        ({"gain": 0.5, "gain_low": 0.5, "gain_high": 0.5}, ("+0.5", "exact")),
        ({"gain": 0.5, "gain_low": 0.1, "gain_high": float("inf")}, ("+0.5", "")),
        ({"gain": -0.25}, ("−0.25", "")),
        ({"gain": 0.0}, ("0", "")),
        ({}, ("", "")),
    ],
)
def test_effects(fields: dict[str, float], words: tuple[str, str]) -> None:
    assert effect_words(judged(**fields)) == words


def test_metrics_that_are_compared_have_as_many_decimals_as_it_takes() -> None:
    assert metric_words(2.114, 1.87213) == ["2.114", "1.872"]
    assert metric_words(10.0, 7.5) == ["10.0", "7.5"]
    assert metric_words(1000.0, 940.0) == ["1000", "940"]
    assert metric_words(51.25, 0.0039745, None) == ["51.2", "0.00397", ""]
    assert metric_words(51.25, 0.0) == ["51.2", "0.0"]
    assert metric_words(0.123456789, 0.123456789) == ["0.123457", "0.123457"]
    assert metric_words(3e9, 2e9) == ["3e+09", "2e+09"]
    assert metric_words(2.5, None) == ["2.5", ""]
    assert metric_words() == []


def test_amounts() -> None:
    assert [energy_words(joules) for joules in (950, 44_280, 4.32e6)] == ["950 J", "12.3 Wh", "1.2 kWh"]
    assert numbers_words([1, 2, 3]) == "1, 2, 3"
    assert numbers_words(list(range(10)), most=3) == "0, 1, 2 and 7 more"


@given(st.text())
def test_what_is_printable_has_nothing_that_acts(text: str) -> None:
    words = one_line(printable(text))
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", words)
    assert words == words.strip()
    words.encode()


@given(st.text(max_size=60), st.integers(2, 40))
def test_what_is_shortened_fits_and_says_so(text: str, most: int) -> None:
    short = shortened(text, most)
    assert columns(short) <= most
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))


def test_signs_that_need_joiners_stay_whole() -> None:
    assert printable("👩\u200d💻 نمی\u200cخواهم 全角\u3000空白") == "👩\u200d💻 نمی\u200cخواهم 全角\u3000空白"
    assert printable("a\u202eb\x1b[0m") == "a�b�[0m"


def test_an_agents_markdown_becomes_paragraphs_and_lists() -> None:
    text = "# What pays\nSmall steps\nhelp.\n\n- one\n  goes on\n* two\n\n1. first\n---\n![x](http://evil/p.png)\n"
    assert blocks_of(text) == [
        Block(["What pays"], is_list=False),
        Block(["Small steps help."], is_list=False),
        Block(["one goes on", "two"], is_list=True),
        Block(["first"], is_list=True),
        Block(["![x](http://evil/p.png)"], is_list=False),
    ]
    assert blocks_of("\n\n") == []


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
