"""Words from outside made harmless and short."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from overnight.morning.plain import columns, one_line, printable, shortened


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
