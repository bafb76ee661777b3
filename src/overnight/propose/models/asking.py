"""One model asked one thing: within its time, within its limits, and counted whatever comes of it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

from pydantic_ai import Agent, ModelMessage, ModelResponse, ModelSettings, RunUsage, UsageLimits, capture_run_messages
from pydantic_ai.messages import CachePoint, TextPart, ToolCallPart, UserContent
from pydantic_ai.models import Model

from overnight.errors import Interrupted
from overnight.ledger.records import Usage
from overnight.propose.models.keys import split
from overnight.propose.models.waiting import wait_for
from overnight.runs.redact import redact

_SHOWN = 4000
_RETRIES = 1
"""How often an answer that cannot be used goes back to the model, with what is wrong with it."""
_MOST_REQUESTS = 4
"""The brief, the answer sent back, and as many again: some replies take a request of their own to be continued."""

Output = TypeVar("Output")
Opened = Callable[[], AbstractAsyncContextManager[Model]]


@dataclass(frozen=True)
class Heard(Generic[Output]):
    """What came of it."""

    output: Output | None
    error: Exception | None
    """Why there is no output."""
    text: str
    """What the model said last, tool calls included; without secrets, and not all of it."""
    words: str
    """The same without tool calls, whole."""
    has_called: bool
    """Whether the last answer called a tool."""
    cut_off: bool
    """Whether the last answer ended at the limit of tokens."""
    usage: Usage


class Asker:
    """Asks a model, each time anew: nothing but what it is told reaches it."""

    def __init__(self, who: str, opened: Opened, *, limit: float, should_stop: Callable[[], bool]) -> None:
        """`opened` gives the model; `limit` is in seconds, for one question with all that belongs to it."""
        self.who = who
        self.limit = limit
        self._opened = opened
        self._should_stop = should_stop

    def ask(
        self, told: str | tuple[str, str], *, instructions: str, output_type: Any, expected: type[Output]
    ) -> Heard[Output]:
        """Ask once. Raises Interrupted when asked to stop meanwhile, and nothing else.

        If it is told in two parts, the first is likely to be told again, so that its provider may remember it.
        """
        prompt = self._prompt(told)
        used, messages = RunUsage(), list[ModelMessage]()
        settings = ModelSettings(max_retries=0, timeout=self.limit, cache={"messages": False})

        async def asked() -> object:
            warnings.simplefilter("ignore")  # Of prices that nobody knows, of models that are getting old.
            async with self._opened() as model:
                agent = Agent(model, output_type=output_type, instructions=instructions, retries=_RETRIES)
                with capture_run_messages() as said:
                    try:
                        limits = UsageLimits(request_limit=_MOST_REQUESTS)
                        run = await agent.run(prompt, usage=used, usage_limits=limits, model_settings=settings)
                    finally:
                        messages.extend(said)
                return run.output

        output: Output | None = None
        error: Exception | None = None
        try:
            with warnings.catch_warnings():
                answer = wait_for(asked, limit=self.limit, should_stop=self._should_stop)
            output = answer if isinstance(answer, expected) else None
        except Interrupted:
            raise
        except Exception as problem:  # whatever the outside world does
            error = problem
        return self._heard(output, error, messages, used)

    def _prompt(self, told: str | tuple[str, str]) -> str | list[UserContent]:
        """A provider that must be told how much to remember is; others get one text, as small servers want it."""
        if isinstance(told, str):
            return told
        first, rest = told
        return [first, CachePoint(), rest] if split(self.who)[0].wants_cache_points else first + rest

    def _heard(
        self, output: Output | None, error: Exception | None, messages: Sequence[ModelMessage], used: RunUsage
    ) -> Heard[Output]:
        answers = [message for message in messages if isinstance(message, ModelResponse)]
        last = answers[-1] if answers else ModelResponse(parts=[])
        words = "\n\n".join(part.content for part in last.parts if isinstance(part, TextPart))
        calls = [part for part in last.parts if isinstance(part, ToolCallPart)]
        text = "\n\n".join([words, *(call.args_as_json_str() for call in calls)]).strip()
        return Heard(
            output,
            error,
            text=redact(text)[-_SHOWN:],
            words=words,
            has_called=bool(calls),
            cut_off=last.finish_reason == "length",
            usage=_usage(used, last.model_name or self.who.partition(":")[2]),
        )


def _usage(used: RunUsage, model: str) -> Usage:
    if not used.requests:
        return Usage(model=model)
    cost: Decimal | None = used.cost
    return Usage(
        cost=None if cost is None else float(cost),
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        turns=used.requests,
        model=model,
        estimated=cost is not None,
    )
