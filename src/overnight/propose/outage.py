"""Whether an agent came back with nothing because its model was not to be had, and when it asks to be tried again."""

from __future__ import annotations

import re
import time

from overnight.goal.settings import parse_duration

_UNAVAILABLE = re.compile(
    r"\b(429|529|503)\b|rate.?limit|too many requests|usage limit|limit reached|quota|overloaded|service unavailable|"
    r"resource.?exhausted|connection (refused|reset|error)|network is unreachable|name resolution|could not resolve",
    re.IGNORECASE,
)
_LENGTH = r"(?P<length>\d+(?:\.\d+)?\s*(?:ms|s|m|h)?[a-z]*(?:\s*\d+(?:\.\d+)?\s*(?:ms|s|m|h)[a-z]*)*)"
_RETRY_AFTER = re.compile(
    rf"(?:retry[-_ ]after(?:[-_ ]seconds)?\W{{0,4}}|(?:again|retry|retrying|resets?|wait) in (?:about )?){_LENGTH}",
    re.IGNORECASE,
)
_RESET_AT = re.compile(r"limit reached\|(?P<moment>\d{10})\b")
"""As Claude Code says it: the Unix time of the reset."""


def is_outage(printed: str) -> bool:
    """Whether what an agent printed speaks of a service that is limited, overloaded or not there."""
    return _UNAVAILABLE.search(printed) is not None


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
