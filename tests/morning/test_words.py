"""Metrics, effects and amounts in words."""

from __future__ import annotations

from typing import Any

import pytest

from overnight.ledger.records import Judged
from overnight.morning.words import effect_words, energy_words, metric_words, numbers_words


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
