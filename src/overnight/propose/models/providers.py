"""A provider's model, ready to be asked through a connection that cannot fill the memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from pydantic_ai.models import Model, create_async_httpx2_client
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.ollama import OllamaModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.models.openrouter import OpenRouterModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.ollama import OllamaProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider
from pydantic_ai.providers.openrouter import OpenRouterProvider

from overnight.propose.models.keys import address, split

LARGEST_ANSWER = 16 * 2**20
_COMPRESSED = 2**18
"""The most of a compressed answer, which is not asked for: it may become a thousand times as large."""
_NO_KEY = "none-needed"
_OLLAMA = "http://localhost:11434/v1"


class TooLargeError(Exception):
    """An answer is larger than any change can be."""


@asynccontextmanager
async def opened(who: str, base_url: str | None, limit: float) -> AsyncIterator[Model]:
    """The model that `who` names, as long as this lasts; one request may take `limit` seconds."""
    async with create_async_httpx2_client(timeout=httpx2.Timeout(limit, connect=min(limit, 30.0))) as client:
        client.headers["accept-encoding"] = "identity"
        client.event_hooks = {**client.event_hooks, "response": [_bound]}
        yield _model(who, base_url, client)


def _model(who: str, base_url: str | None, client: httpx2.AsyncClient) -> Model:
    provider, name = split(who)
    where, key = address(provider, base_url), provider.key
    match provider.name:
        case "anthropic":
            anthropic = AnthropicProvider(api_key=key or _NO_KEY, base_url=where, http_client=client)
            return AnthropicModel(name, provider=anthropic)
        case "google":
            google = GoogleProvider(api_key=key or _NO_KEY, base_url=where, http_client=client)
            return GoogleModel(name, provider=google)
        case "ollama":
            return OllamaModel(name, provider=OllamaProvider(base_url=where or _OLLAMA, http_client=client))
        case "openrouter" if not where:
            return OpenRouterModel(name, provider=OpenRouterProvider(api_key=key, http_client=client))
        case "openai" if not where:
            return OpenAIResponsesModel(name, provider=OpenAIProvider(api_key=key, http_client=client))
    # Whatever else speaks OpenAI's older language, which nearly every server does.
    compatible = OpenAICompatibleProvider(provider.name, base_url=where or "", api_key=key, http_client=client)
    return OpenAIChatModel(name, provider=compatible)


async def _bound(response: httpx2.Response) -> None:
    plain = response.headers.get("content-encoding", "identity") == "identity"
    assert isinstance(response.stream, httpx2.AsyncByteStream)
    response.stream = _Bounded(response.stream, LARGEST_ANSWER if plain else _COMPRESSED)


class _Bounded(httpx2.AsyncByteStream):
    """A body that ends with an error when it gets too large."""

    def __init__(self, body: httpx2.AsyncByteStream, most: int) -> None:
        self._body = body
        self._left = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            self._left -= len(part)
            if self._left < 0:
                raise TooLargeError
            yield part

    async def aclose(self) -> None:
        """Give the connection back."""
        await self._body.aclose()
