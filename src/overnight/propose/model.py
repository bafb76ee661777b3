"""A model by API as the proposer: it reads the brief and answers with a hypothesis and exact edits."""

from __future__ import annotations

from overnight.goal.settings import Settings
from overnight.propose.brief import Brief
from overnight.propose.proposer import Proposal

_PROVIDERS = ("openai", "anthropic", "google", "ollama", "openrouter")


def is_model(who: str) -> bool:
    """Whether `who` names a model by API, such as `openai:gpt-5`."""
    provider, colon, model = who.partition(":")
    return provider in _PROVIDERS and bool(colon and model) and " " not in who


def check_model(who: str, base_url: str | None) -> None:
    """Raise OvernightError unless the model can be asked: the extra is installed, and there is a key."""
    raise NotImplementedError


class ModelProposer:
    """Asks a model once for each proposal."""

    reviews = True

    def __init__(self, who: str, settings: Settings) -> None:
        self.name = who
        self._settings = settings

    def propose(self, brief: Brief) -> Proposal:
        """Ask for one change."""
        raise NotImplementedError

    def review(self, brief: Brief) -> Proposal:
        """Ask what it has learned; the words are in `output`."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing is held."""
