"""Which ideas go together: some need others, and some cannot be in one version."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Set
from dataclasses import dataclass, field

from overnight.judge.effects import NONE

Ideas = frozenset[int]


@dataclass(frozen=True)
class Ties:
    """Which ideas need others, and which cannot be in one version together."""

    requires: Mapping[int, Set[int]] = field(default_factory=dict)
    excludes: Mapping[int, Set[int]] = field(default_factory=dict)

    def closure(self, ideas: Iterable[int]) -> Ideas:
        """These ideas and all that they need."""
        found: set[int] = set()
        waiting = list(ideas)
        while waiting:
            idea = waiting.pop()
            if idea not in found:
                found.add(idea)
                waiting += self.requires.get(idea, NONE)
        return frozenset(found)

    def fit(self, ideas: Set[int], others: Container[int] = NONE) -> bool:
        """Whether these can be in one version, with those others."""
        if not any(idea in self.excludes for idea in ideas):
            return True
        clashes = {clash for idea in ideas for clash in self.excludes.get(idea, NONE)}
        return not clashes & ideas and not any(clash in others for clash in clashes)

    def barred_by(self, ideas: Set[int], others: Iterable[int]) -> Ideas:
        """Those of the others that cannot be in one version with these, or need one that cannot."""
        clashes = {clash for idea in ideas for clash in self.excludes.get(idea, NONE)}
        return frozenset(other for other in others if clashes & self.closure([other])) if clashes else NONE

    def needed_by(self, ideas: Iterable[int]) -> Ideas:
        """What these need besides themselves."""
        return frozenset(need for idea in ideas for need in self.requires.get(idea, NONE))
