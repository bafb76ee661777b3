"""The branch of kept changes and the refs that keep every other candidate: where git remembers what the ledger says."""

from __future__ import annotations

from dataclasses import dataclass

import pygit2

from overnight.errors import RepositoryError
from overnight.repo.git import Repository


@dataclass(frozen=True)
class SessionRefs:
    """The names that one session owns in the user's repository. No other ref is ever written."""

    repository: Repository
    session: str

    @property
    def branch(self) -> str:
        """The branch's short name."""
        return f"overnight/{self.session}"

    def set_branch(self, commit: str) -> None:
        """Make the branch of kept changes end at `commit`."""
        self._set(f"refs/heads/{self.branch}", commit)

    def branch_tip(self) -> str | None:
        """Where the branch ends; None if it is not there."""
        return self._get(f"refs/heads/{self.branch}")

    def is_checked_out(self) -> bool:
        """Whether the user stands on the branch, so that moving it would change what they see."""
        git = self.repository.git
        return not git.head_is_detached and git.head.name == f"refs/heads/{self.branch}"

    def remember(self, number: int, commit: str) -> None:
        """Keep experiment `number`'s candidate reachable, whatever its verdict."""
        self._set(f"refs/overnight/{self.session}/{number}", commit)

    def remembered(self, number: int) -> str | None:
        """Experiment `number`'s candidate as git has it."""
        return self._get(f"refs/overnight/{self.session}/{number}")

    def _set(self, name: str, commit: str) -> None:
        if self._get(name) == commit:
            return
        try:
            self.repository.git.references.create(name, pygit2.Oid(hex=commit), force=True)
        except (pygit2.GitError, OSError) as error:
            hint = " (is there a branch called just `overnight`? rename it)" if "/heads/" in name else ""
            raise RepositoryError(f"git cannot write {name}: {error}{hint}") from None

    def _get(self, name: str) -> str | None:
        found = self.repository.git.references.get(name)
        return str(found.target) if found is not None else None


def kept_message(hypothesis: str, metric: str, before: float, after: float, number: int) -> str:
    """A kept change's commit message: the idea in the first line, then what it did to the metric."""
    return f"{hypothesis}\n\n{metric}: {before:.6g} -> {after:.6g} (experiment {number})\n"
