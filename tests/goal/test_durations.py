"""Lengths of time, read and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.goal.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (90, 90), (0.5, 0.5), ("90", 90), ("90s", 90), ("5m", 300), ("1.5m", 90), ("5 minutes", 300), ("1h30m", 5400),
        ("2 hours 5 min 3 sec", 7503), ("250ms", 0.25), (" 10S ", 10),
        ("7d", 604_800), ("2 weeks", 1_209_600), ("1d12h", 129_600),
    ],
)  # fmt: skip
def test_lengths_of_time(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "5x", "-5m", "0", "0s", "1m and 2", True, None, [], float("inf"), "1e3"])
def test_what_is_no_length_of_time(text: object) -> None:
    with pytest.raises(ValueError, match=r"write 90s, 5m, 1h30m or 7d|more than zero"):
        parse_duration(text)


@given(st.one_of(st.integers(1, 10**7).map(float), st.integers(1, 10**6).map(lambda number: number / 1000)))
def test_a_length_of_time_reads_back_as_it_was_written(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=1e-12)
