"""A model that gives the answers it is told to, without a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, FunctionModel

from overnight.propose.models.asking import Asker

Answer = ModelResponse | Exception


class Played:
    """Plays its answers in turn, and remembers what it was asked."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = iter(answers)
        self.asked: list[tuple[list[ModelMessage], AgentInfo]] = []

    def asker(self, who: str = "openai:played") -> Asker:
        """Somebody who asks it."""
        return Asker(who, self._opened, limit=10.0, should_stop=lambda: False)

    def told(self, request: int) -> str:
        """All that it was told in one request."""
        return str([message.parts for message in self.asked[request][0]])

    def _answer(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.asked.append((messages, info))
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Model]:
        yield FunctionModel(self._answer, model_name="gpt-4o")


def says(text: str) -> ModelResponse:
    """An answer in words."""
    return ModelResponse(parts=[TextPart(text)])


def calls(tool: str, arguments: object) -> ModelResponse:
    """A tool call, the arguments as JSON or as an object."""
    assert isinstance(arguments, str | dict)
    return ModelResponse(parts=[ToolCallPart(tool, arguments)])
