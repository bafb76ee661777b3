"""Why nothing came of asking a model: the same words for the same reason, so that they can be counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic_ai.exceptions import (
    ContentFilterError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelContextWindowExceededError,
    ModelHTTPError,
    ModelNotFoundError,
    ModelOverloadedError,
    ModelQuotaExceededError,
    ModelRateLimitError,
    ModelRequestTimeout,
    ModelTimeoutError,
    OutputTokenLimitExceeded,
    UnexpectedModelBehavior,
)

from overnight.propose.complaints import complaint_in, is_refusal, retry_after
from overnight.propose.models.asking import Heard
from overnight.propose.models.keys import split
from overnight.propose.models.providers import LARGEST_ANSWER, TooLargeError
from overnight.runs.redact import redact

REFUSED = "the model refused to work on this"
SILENT = "the model said nothing"
ASKED_BACK = "the model asked a question instead of changing anything; nobody is there to answer"
UNREADABLE = "the model's answer held nothing that was asked for, also when it was told so"
MALFORMED = "the model's answer had not the form that was asked for, also when it was told so"
MISMATCH = "the model's edits did not match the file, also when it was told so"
NOTHING = "the model's edits changed nothing, also when it was told so"
CUT_OFF = "the model's answer was cut off by its limit of tokens"
TOO_LARGE = f"the model's answer was larger than {LARGEST_ANSWER // 2**20} MiB"

_QUOTED = 300
_NO_TOOLS = re.compile(r"\btools?\b|\bfunction.?call", re.IGNORECASE)


@dataclass(frozen=True)
class Outage:
    """The model was not to be had."""

    reason: str
    retry_after: float | None = None


def has_no_tools(error: Exception | None) -> bool:
    """Whether a server answered that its model cannot be given tools."""
    return (
        isinstance(error, ModelHTTPError)
        and error.status_code in (400, 404, 422, 500, 501)
        and (_NO_TOOLS.search(str(error.body)) is not None)
    )


def why(heard: Heard[Any], *, who: str, limit: float) -> str | Outage:
    """What went wrong, of one that ended with an error: why there is no answer, or why there may be one later."""
    error = heard.error
    assert error is not None
    if any(isinstance(each, TooLargeError) for each in _causes(error)):
        return TOO_LARGE
    match error:
        case ContentFilterError():
            return REFUSED
        case OutputTokenLimitExceeded():
            return CUT_OFF
        case UnexpectedModelBehavior() if heard.usage.turns:
            return _unusable(heard)
        case ModelTimeoutError() | ModelRequestTimeout() | TimeoutError():
            return Outage(f"{who} did not answer within {limit:g} s (`agent_timeout`)")
        case ModelAPIError():
            return _api_outage(error, who)
    return Outage(f"{who} could not be asked: {_short(str(error) or type(error).__name__)}")


def _unusable(heard: Heard[Any]) -> str:
    """Why the model's last answer could not be used."""
    if heard.cut_off:
        return CUT_OFF
    if heard.has_called:
        return MALFORMED
    words = heard.words.strip()
    if not words:
        return SILENT
    if is_refusal(words):
        return REFUSED
    return ASKED_BACK if words.endswith("?") else UNREADABLE


def _api_outage(error: ModelAPIError, who: str) -> Outage:
    words = _words(error)
    reason = f"{who} could not be asked: {_complaint(error, who, words)}"
    if words:
        reason += f": {words}"
    asked = error.retry_after if error.retry_after is not None else retry_after(words)
    return Outage(reason, asked)


def _complaint(error: ModelAPIError, who: str, words: str) -> str:
    provider, model = split(who)
    match error:
        case ModelAuthenticationError():
            return f"its key was refused, or it is not logged in ({provider.login})"
        case ModelQuotaExceededError():
            return f"there is no credit left (add some at {provider.name})"
        case ModelNotFoundError():
            hint = f"`ollama pull {model}`" if provider.name == "ollama" else "look at `agent:` and `base_url:`"
            return f"there is no such model, or it may not be used ({hint})"
        case ModelRateLimitError():
            return "it has reached its limit of requests"
        case ModelContextWindowExceededError():
            return "the brief is longer than it can read (lower `brief_tokens:`)"
        case ModelOverloadedError():
            return "its service is overloaded"
        case ModelConnectionError():
            hint = "is `ollama serve` running?" if provider.name == "ollama" else "look at the network and `base_url:`"
            return f"its service does not answer ({hint})"
    if complaint := complaint_in(words):
        return f"{complaint} ({provider.login})" if "key" in complaint else complaint
    if isinstance(error, ModelHTTPError):
        return f"its service answered with HTTP status {error.status_code}"
    return "its service failed"


def _words(error: ModelAPIError) -> str:
    """What the provider says, as short as it can be quoted."""
    body = error.body
    for key in ("error", "message"):
        if isinstance(body, dict) and body.get(key):
            body = body[key]
    if isinstance(body, dict | list) or body is None:
        body = "" if isinstance(error, ModelConnectionError) else str(body or error.message)
    return _short(str(body))


def _short(words: str) -> str:
    return redact(" ".join(words.split()))[:_QUOTED]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it."""
    seen: BaseException | None = error
    for _ in range(20):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or seen.__context__
