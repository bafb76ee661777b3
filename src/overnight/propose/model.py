"""A model by API as the proposer: it reads the brief and answers with a hypothesis and exact edits.

What asks it loads only when it is asked, for that takes longer than most commands do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from overnight.goal.settings import Settings
from overnight.propose.brief import Brief
from overnight.propose.command import hypothesis_of
from overnight.propose.models.keys import check_model, is_model
from overnight.propose.proposer import Proposal
from overnight.repo.candidate import Scope

if TYPE_CHECKING:
    from overnight.propose.models.asking import Asker
    from overnight.propose.models.changing import ChangeAsker

__all__ = ["ModelProposer", "check_model", "is_model"]

_LONGEST_PATH = 200


class ModelProposer:
    """Asks a model once for each proposal; an answer that cannot be used goes back to it once."""

    reviews = True

    def __init__(self, who: str, settings: Settings, *, should_stop: Callable[[], bool]) -> None:
        self.name = who
        self._settings = settings
        self._should_stop = should_stop

    def propose(self, brief: Brief) -> Proposal:
        """Ask for one change. Raises Interrupted when asked to stop meanwhile."""
        change = self._changes.ask(brief.parts(), brief.files)
        files = dict(change.applied.files) if change.applied else {}
        return Proposal(
            files,
            hypothesis=hypothesis_of(change.applied.hypothesis if change.applied else "", brief.files, files),
            trespasses=(change.trespass[:_LONGEST_PATH],) if change.trespass else (),
            failure=change.failure,
            unavailable=change.outage.reason if change.outage else None,
            retry_after=change.outage.retry_after if change.outage else None,
            usage=change.heard.usage,
            output=change.heard.text,
        )

    def review(self, brief: Brief) -> Proposal:
        """Ask what it has learned; the words are in `output`. Raises Interrupted when asked to stop meanwhile."""
        from overnight.propose.models.reviewing import ask_for_review  # noqa: PLC0415 - see above

        heard, failure, outage = ask_for_review(self._asker, brief.review_text())
        return Proposal(
            {},
            failure=failure,
            unavailable=outage.reason if outage else None,
            retry_after=outage.retry_after if outage else None,
            usage=heard.usage,
            output=heard.text,
        )

    def close(self) -> None:
        """Nothing is held between two proposals."""

    @cached_property
    def _asker(self) -> Asker:
        from overnight.propose.models.asking import Asker  # noqa: PLC0415
        from overnight.propose.models.providers import opened  # noqa: PLC0415

        base_url, limit = self._settings.base_url, self._settings.agent_timeout
        return Asker(self.name, lambda: opened(self.name, base_url, limit), limit=limit, should_stop=self._should_stop)

    @cached_property
    def _changes(self) -> ChangeAsker:
        from overnight.propose.models.changing import ChangeAsker  # noqa: PLC0415

        return ChangeAsker(self._asker, Scope(self._settings.edit).allows)
