"""A readable history from what git remembers: refs, commits and their messages, where the ledger knows nothing.

What a discarded experiment measured is written nowhere but in the ledger, so it is not made up: such an experiment is
there with its hypothesis and its patch, and the reason says what is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import overnight
from overnight.errors import Trouble
from overnight.goal.document import Goal
from overnight.ledger.history import History
from overnight.ledger.records import Judged, Proposed, Record, SessionStarted
from overnight.loop.project import Origin
from overnight.repo.branch import KeptCommit, SessionRefs
from overnight.repo.candidate import Scope, fingerprint
from overnight.repo.git import Repository

LOST = "its verdict was lost with a damaged ledger"


@dataclass(frozen=True)
class Remembered:
    """What git remembers of one session."""

    repository: Repository
    refs: SessionRefs
    kept: tuple[tuple[str, KeptCommit], ...]
    """The commits of the branch, in its order, with what they say of themselves."""
    base: str | None
    """The commit that the session began at, as far as that shows."""

    @classmethod
    def of(cls, repository: Repository, session: str) -> Remembered:
        """Read the branch and the refs of a session."""
        refs = SessionRefs(repository, session)
        kept: list[tuple[str, KeptCommit]] = []
        at = refs.branch_tip()
        while at is not None:
            parent, message = repository.parent_and_message(at)
            words = KeptCommit.read(message)
            if words is None:
                break
            kept.insert(0, (at, words))
            at = parent
        numbers = refs.numbers()
        if at is None and numbers:
            at = repository.parent_and_message(refs.remembered(numbers[0]) or "")[0]
        return cls(repository, refs, tuple(kept), at)

    def start(self, goal: Goal) -> SessionStarted | None:
        """How the session began, with the goal as it is now; None where not even the first commit is known."""
        if self.base is None:
            return None
        return SessionStarted(
            goal=goal.text,
            goal_file=goal.path.name,
            settings=goal.settings.model_dump(mode="json"),
            base=self.base,
            folder=self.repository.prefix,
            seed=0,
            version=overnight.__version__,
            rebuilt=True,
        )

    def proposal(self, number: int, scope: Scope) -> Proposed | None:
        """An experiment's proposal, from its candidate's commit; None where git has lost that too."""
        commit = self.refs.remembered(number)
        if commit is None:
            return None
        try:
            parent, message = self.repository.parent_and_message(commit)
            files = Origin(self.repository, commit, scope).edit_files(commit)
        except Trouble:
            return None
        return Proposed(
            number=number,
            hypothesis=message.strip().split("\n", 1)[0],
            proposer="",
            parent=parent or "",
            commit=commit,
            fingerprint=fingerprint(files),
        )

    def verdicts(self, history: History, proposed: dict[int, Proposed], direction: str) -> Iterator[Record]:
        """Verdicts for the experiments that have none; then, if a keep was among them, all keeps in their order."""
        on_branch = {words.number for _, words in self.kept}
        known = {judged.number: judged for judged in history.judged_after(-1)}
        if 0 not in known and self.kept:
            first = self.kept[0][1]
            yield Judged(
                number=0,
                verdict="baseline",
                reason=f"as the first keep's commit says; {LOST}",
                hypothesis="the baseline",
                metric=first.before,
                commit=self.base,
            )
        for number, proposal in sorted(proposed.items()):
            if number not in known and number not in on_branch:
                yield Judged(
                    number=number,
                    verdict="discard",
                    reason=f"it is not on the branch; {LOST}",
                    hypothesis=proposal.hypothesis,
                    commit=proposal.commit,
                    fingerprint=proposal.fingerprint,
                )
        as_known = [judged.number for judged in history.kept()]
        if as_known == [words.number for _, words in self.kept]:
            return
        for number in as_known:
            if number not in on_branch:
                reason = f"it is not on the branch any more; {LOST}"
                yield known[number].model_copy(update={"verdict": "discard", "reason": reason})
        for commit, words in self.kept:
            rebuilt = known.get(words.number)
            if rebuilt is None or rebuilt.verdict != "keep" or rebuilt.commit != commit:
                rebuilt = self._keep(commit, words, direction)
            yield rebuilt

    def _keep(self, commit: str, words: KeptCommit, direction: str) -> Judged:
        gain = words.before - words.after if direction == "lower" else words.after - words.before
        return Judged(
            number=words.number,
            verdict="keep",
            reason=f"as its commit says; {LOST}",
            hypothesis=words.hypothesis,
            metric=words.after,
            before=words.before,
            gain=gain,
            commit=commit,
        )
