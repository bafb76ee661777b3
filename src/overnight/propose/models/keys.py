"""The providers of models: what has to be installed and set so that one can be asked. Loads nothing of theirs."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass

from overnight.errors import OvernightError

INSTALL = "pip install 'overnight[models]'"


@dataclass(frozen=True)
class Provider:
    """Who offers models."""

    name: str
    """As goal.md has it before the colon."""
    keys: tuple[str, ...]
    """Environment variables that may hold the key, the usual one first; none where no key is needed."""
    library: str
    """The package that speaks to it."""
    address: str | None = None
    """The environment variable that may say where its API is."""
    wants_cache_points: bool = False
    """Whether it remembers what it has read only up to marks in the text; others do by themselves."""

    @property
    def key(self) -> str | None:
        """The key, from the first variable that is set."""
        return next((value for name in self.keys if (value := os.environ.get(name, "").strip())), None)

    @property
    def login(self) -> str:
        """What to do so that its key is accepted."""
        return f"set {self.keys[0]}" if self.keys else f"look at {self.name}'s settings"


PROVIDERS = {
    provider.name: provider
    for provider in (
        Provider("openai", ("OPENAI_API_KEY",), "openai", "OPENAI_BASE_URL"),
        Provider(
            *("anthropic", ("ANTHROPIC_API_KEY",), "anthropic", "ANTHROPIC_BASE_URL"),
            wants_cache_points=True,
        ),
        Provider("google", ("GOOGLE_API_KEY", "GEMINI_API_KEY"), "google.genai"),
        Provider("ollama", (), "openai", "OLLAMA_BASE_URL"),
        Provider("openrouter", ("OPENROUTER_API_KEY",), "openai", wants_cache_points=True),
    )
}


def split(who: str) -> tuple[Provider, str]:
    """The provider and the model in `openai:gpt-5`."""
    name, _, model = who.partition(":")
    return PROVIDERS[name], model


def address(provider: Provider, base_url: str | None) -> str | None:
    """Where its API is, if not where its provider has it."""
    return base_url or (os.environ.get(provider.address, "").strip() if provider.address else "") or None


def is_model(who: str) -> bool:
    """Whether `who` names a model by API, such as `openai:gpt-5`."""
    provider, colon, model = who.partition(":")
    return provider in PROVIDERS and bool(colon and model) and " " not in who


def check_model(who: str, base_url: str | None) -> None:
    """Raise OvernightError unless the model can be asked, as far as can be told without asking.

    The libraries must be there, and a key, unless `base_url` leads to a server of the user's own.
    """
    provider, model = split(who)
    if not (_is_installed("pydantic_ai") and _is_installed(provider.library)):
        raise OvernightError(f"`agent: {who}` needs the libraries that ask models; install them: {INSTALL}")
    if base_url and not base_url.startswith(("http://", "https://")):
        raise OvernightError(f"`base_url: {base_url}` is no address; write one that begins with http:// or https://")
    if provider.name == "openrouter" and "/" not in model and not base_url:
        raise OvernightError(f"`agent: {who}` does not say whose model that is; write openrouter:VENDOR/MODEL")
    if provider.keys and not provider.key and not address(provider, base_url):
        raise OvernightError(f"`agent: {who}` needs a key, and {provider.keys[0]} is not set; {provider.login}")


def _is_installed(library: str) -> bool:
    try:
        return importlib.util.find_spec(library) is not None
    except ModuleNotFoundError:  # The package that it would be in is not there.
        return False
