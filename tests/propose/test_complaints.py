"""What an agent prints when its model is not to be had."""

from __future__ import annotations

import time

import pytest

from overnight.propose.agents.any_command import cost_in
from overnight.propose.complaints import complaint_in, is_only_refusal, retry_after, telling_line


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("Error: 429 Too Many Requests", "limit of requests"),
        ('{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "overloaded"),
        ("Claude AI usage limit reached|1760000000", "limit of requests"),
        ("You exceeded your current quota, please check your plan", "limit of requests"),
        ("429 insufficient_quota: You exceeded your current quota", "no credit"),
        ("Your credit balance is too low to access the Anthropic API", "no credit"),
        ("curl: (7) Failed to connect: Connection refused", "does not answer"),
        ("getaddrinfo: Temporary failure in name resolution", "does not answer"),
        ("TypeError: fetch failed", "does not answer"),
        ("Error: getaddrinfo ENOTFOUND api.example.org", "does not answer"),
        ("RESOURCE_EXHAUSTED", "limit of requests"),
        ("Incorrect API key provided: sk-1", "key was refused"),
        ("API key not valid. Please pass a valid API key.", "key was refused"),
        ('{"type":"authentication_error","message":"invalid x-api-key"}', "key was refused"),
        ("Invalid API key · Please run /login", "key was refused"),
        ("The model `gpt-9` does not exist or you do not have access to it.", "no such model"),
        ('{"type":"not_found_error","message":"model: claude-9"}', "no such model"),
        ("Quota exceeded. Check your plan and billing details.", "no credit"),
        ("There's an issue with the selected model (claude-9). It may not exist or you may not have", "no such model"),
        ("API Error: Repeated 529 Overloaded errors. The API is at capacity", "overloaded"),
        ("exceeded retry limit, last status: 429 Too Many Requests", "limit of requests"),
        ("models/gemini-9 is not found for API version v1beta", "no such model"),
    ],
)
def test_what_is_wrong_with_the_model(printed: str, words: str) -> None:
    assert words in (complaint_in(printed) or "")


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        ('{\n  "message": "API key not valid.",\n  "code": 41\n}\n', '"message": "API key not valid.",'),
        ("something else\nis wrong\n\n", "is wrong"),
        ("", ""),
    ],
)
def test_the_line_that_says_it(printed: str, line: str) -> None:
    assert telling_line(printed) == line


def test_notes_that_speak_of_what_does_not_help_are_no_refusal() -> None:
    assert is_only_refusal("I'm sorry, but I can't help with that.")
    assert not is_only_refusal("- Dropout cannot help here (3, 7), and a larger batch will not do. " * 8)


@pytest.mark.parametrize(
    "printed",
    [
        "",
        "I could not find an improvement.",
        "NameError: name 'x' is not defined",
        "FileNotFoundError: [Errno 2] No such file or directory: 'train.py'",
        "ModuleNotFoundError: No module named 'torch'",
        'File "agent.py", line 429, in work\n    x = 3\nFile "agent.py", line 401',
    ],
)
def test_nothing_is_wrong(printed: str) -> None:
    assert complaint_in(printed) is None


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
    assert cost_in(printed) == dollars
