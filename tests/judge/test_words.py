"""Reasons, as they are told of what is believed."""

from __future__ import annotations

import pytest

from overnight.judge.noise import Interval
from overnight.judge.prior import Belief
from overnight.judge.words import verdict_words


@pytest.mark.parametrize(
    ("good", "beside", "begins", "ends"),
    [
        (
            0.999,
            7,
            "better by 3 (",
            "but it does not go together with experiment 7, which is kept",
        ),
        (0.5, None, "not proven: better with a chance of 50 % (", "; stays in the running"),
    ],
)
def test_what_is_not_kept_for_the_sake_of_another_is_not_called_unproven(
    good: float, beside: int | None, begins: str, ends: str
) -> None:
    belief = Belief(bad=0.0, void=1 - good, good=good, mean=3.0, sd=1.0, size=2.0)
    gain = Interval(3.0, 1.0, 5.0)
    said = verdict_words(belief, good, gain, 1, kept=False, was_kept=False, is_open=True, beside=beside)
    assert said.startswith(begins)
    assert said.endswith(ends)
