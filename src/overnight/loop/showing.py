"""A session's experiments with their patches, as the tools that people have take them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from overnight.ledger.history import History
from overnight.ledger.records import Proposed
from overnight.morning.tools.tracked import Tracked, TrackedSession, tracked
from overnight.repo.git import Repository


def tracked_in(
    history: History, repository: Repository, session: TrackedSession, numbers: Iterable[int] | None = None
) -> Iterator[Tracked]:
    """The experiments that have a verdict, or those of them with these numbers."""

    def patch(proposed: Proposed) -> str:
        if proposed.commit is None or not (repository.has(proposed.parent) and repository.has(proposed.commit)):
            return ""
        return repository.patch(proposed.parent, proposed.commit)

    return tracked(history, session, patch, numbers)
