"""What an agent prints when its model is not to be had."""

from __future__ import annotations

import time

import pytest

from overnight.propose.command import _cost
from overnight.propose.outage import is_outage, retry_after


@pytest.mark.parametrize(
    "printed",
    [
        "Error: 429 Too Many Requests",
        '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
        "Claude AI usage limit reached|1760000000",
        "You exceeded your current quota, please check your plan",
        "curl: (7) Failed to connect: Connection refused",
        "getaddrinfo: Temporary failure in name resolution",
        "RESOURCE_EXHAUSTED",
    ],
)
def test_outages(printed: str) -> None:
    assert is_outage(printed)


@pytest.mark.parametrize("printed", ["", "I could not find an improvement.", "SyntaxError: line 429"])
def test_no_outage(printed: str) -> None:
    assert not is_outage(printed) or "429" in printed


@pytest.mark.parametrize(
    ("printed", "seconds"),
    [
        ("retry-after: 30", 30),
        ("Retry-After: 1.5", 1.5),
        ('{"retry_after": 12}', 12),
        ("Rate limit reached. Please try again in 6m0s.", 360),
        ("Please try again in 20s. Later: please try again in 7.66s", 7.66),
        ("please retry in 43.2 seconds", 43.2),
        ("limit resets in 3h 20m", 12_000),
        ("wait in line", None),
        ("nothing of the kind", None),
    ],
)
def test_when_to_come_back(printed: str, seconds: float | None) -> None:
    assert retry_after(printed) == (pytest.approx(seconds) if seconds is not None else None)


def test_the_moment_of_a_reset() -> None:
    assert retry_after(f"Claude AI usage limit reached|{int(time.time()) + 600}") == pytest.approx(600, abs=3)
    assert retry_after("Claude AI usage limit reached|1600000000") == 0


@pytest.mark.parametrize(
    ("printed", "dollars"),
    [
        ("cost: 0.12", 0.12),
        ("working\n  Cost: $0.50\ncost: $1.25 in all", 1.25),
        ('{"type":"result","total_cost_usd":0.0417,"usage":{"input_tokens":3}}', 0.0417),
        ("the cost of 3 layers", None),
        ("", None),
    ],
)
def test_what_it_cost(printed: str, dollars: float | None) -> None:
    assert _cost(printed) == dollars
