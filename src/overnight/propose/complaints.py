"""Why a model was not to be had, as providers and agents put it, and when it asks to be tried again."""

from __future__ import annotations

import re
import time

from overnight.goal.durations import parse_duration

_COMPLAINTS = {
    "there is no credit left": r"\b402\b|credit balance|insufficient.{0,3}(quota|funds|credit|balance)|out of credits|"
    r"payment required|quota exceeded\. check your plan|billing.{0,20}(limit|hard|inactive)",
    "its key was refused, or it is not logged in": r"\b401\b|(invalid|incorrect|missing|no|bad).{0,12}api.?key|"
    r"api.?key.{0,20}(not valid|invalid|not found|required|missing|must be)|unauthorized|"
    r"authentication.{0,8}(fail|error)|"
    r"not logged in|please (run /login|log in|login)|unauthenticated|permission_denied|set an auth method",
    "there is no such model, or it may not be used": r"model.{0,80}(not found|not exist|unknown|not supported)|"
    r"model.{0,20}no access|(unknown|invalid|unsupported|no such).{0,10}model|model_?not_?found|not_found_error",
    "it has reached its limit of requests": r"\b429\b|rate.?limit|too many requests|usage limit|limit reached|quota|"
    r"resource.?exhausted",
    "its service is overloaded": r"\b(503|529)\b|overloaded|service unavailable",
    "its service does not answer": r"connection (refused|reset|error)|network is unreachable|name resolution|"
    r"could not resolve|\b(econnrefused|enotfound|etimedout)\b|fetch failed|connecterror|apiconnection",
}
# `line 429` is a place in somebody's program, no answer of a server.
_PATTERNS = {words: re.compile(rf"(?<!line )(?:{pattern})", re.IGNORECASE) for words, pattern in _COMPLAINTS.items()}
_REFUSAL = re.compile(
    r"\b(?:can(?:'|’|no)t|can not|won['’]t|unable to|not able to|must decline to)\b.{0,20}"
    r"\b(?:help|assist|do that|comply|provide|fulfil)|\bI(?:'|’)?m sorry, but\b|\bI must decline\b",
    re.IGNORECASE,
)
_SHORT = 400
"""A longer answer that speaks of what cannot be done is no refusal."""
_LENGTH = r"(?P<length>\d+(?:\.\d+)?\s*(?:ms|s|m|h)?[a-z]*(?:\s*\d+(?:\.\d+)?\s*(?:ms|s|m|h)[a-z]*)*)"
_RETRY_AFTER = re.compile(
    rf"(?:retry[-_ ]after(?:[-_ ]seconds)?\W{{0,4}}|(?:again|retry|retrying|resets?|wait) in (?:about )?){_LENGTH}",
    re.IGNORECASE,
)
_RESET_AT = re.compile(r"limit reached\|(?P<moment>\d{10})\b")
"""As Claude Code says it: the Unix time of the reset."""


def complaint_in(printed: str) -> str | None:
    """What an agent's or a provider's words say of a model that is not to be had; None where they say nothing of it."""
    return next((words for words, pattern in _PATTERNS.items() if pattern.search(printed)), None)


def is_refusal(words: str) -> bool:
    """Whether a model says somewhere that it will not do it."""
    return _REFUSAL.search(words) is not None


def is_only_refusal(words: str) -> bool:
    """Whether a model says that and little else."""
    return len(words) < _SHORT and is_refusal(words)


def telling_line(printed: str) -> str:
    """The last line that says what is wrong with the model; the last line where none does."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if complaint_in(line)), lines[-1] if lines else "")


def retry_after(printed: str) -> float | None:
    """Seconds after which it asks to be tried again, as it was last printed; None where it does not say."""
    if found := list(_RESET_AT.finditer(printed)):
        return max(float(found[-1]["moment"]) - time.time(), 0.0)
    for match in reversed(list(_RETRY_AFTER.finditer(printed))):
        try:
            return parse_duration(match["length"].replace(" ", ""))
        except ValueError:
            continue
    return None
