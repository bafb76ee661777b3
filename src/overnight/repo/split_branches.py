"""Branches that are handed to the user: made anew when asked again, as long as they are still what was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pygit2

from overnight.errors import RepositoryError
from overnight.repo.branch import is_checked_out
from overnight.repo.git import Repository


@dataclass(frozen=True)
class SplitBranches:
    """The branches `overnight-split/SESSION/…`. A ref beside the session's candidates remembers what each was."""

    repository: Repository
    session: str

    def branch(self, name: str) -> str:
        """The short name of the branch called `name` here; git cannot have one below `overnight/SESSION`."""
        return f"overnight-split/{self.session}/{name}"

    def write(self, wanted: Mapping[str, str], base: str) -> dict[str, str]:
        """Make the branches end at these commits, all of them or none; ours that are not wanted any more go.

        Returns where each ends now: at an older commit, where that says the same. Raises RepositoryError when a branch
        is not what was made any more, or is checked out and would have to move.
        """
        made = self._made()
        plan = {name: self._the_same(made.get(name), commit, base) or commit for name, commit in wanted.items()}
        stale = [name for name in made.keys() - wanted.keys() if self._tip(name) == made[name]]
        for name in [*plan, *stale]:
            self._refuse(name, made.get(name), plan.get(name))
        for name in made.keys() - wanted.keys():
            if name in stale:
                self._delete(f"refs/heads/{self.branch(name)}")
            self._delete(f"{self._memory}{name}")
        for name, commit in plan.items():
            self._set(f"refs/heads/{self.branch(name)}", commit)
            self._set(f"{self._memory}{name}", commit)
        return plan

    @property
    def _memory(self) -> str:
        return f"refs/overnight/{self.session}/split/"

    def _made(self) -> dict[str, str]:
        """Where each branch was left, by its name."""
        references = self.repository.git.references
        names = [name.removeprefix(self._memory) for name in references if name.startswith(self._memory)]
        return {name: str(references[f"{self._memory}{name}"].target) for name in names}

    def _refuse(self, name: str, made: str | None, wanted: str | None) -> None:
        tip, branch = self._tip(name), self.branch(name)
        if tip is None or tip == wanted:
            return
        if tip != made:
            raise RepositoryError(
                f"the branch {branch} is not what was made any more; rename it (`git branch -m {branch} NEW-NAME`) or "
                f"delete it (`git branch -D {branch}`), and try again; nothing was changed"
            )
        if is_checked_out(self.repository, branch):
            raise RepositoryError(
                f"the branch {branch} is checked out and would have to change; switch to another one "
                "(`git switch -`), and try again; nothing was changed"
            )

    def _the_same(self, old: str | None, new: str, base: str) -> str | None:
        """`old`, if it stands for the same commits on top of `base` as `new`."""
        git = self.repository.git
        here, there = old, new
        while here is not None and base not in (here, there):
            mine = git.get(here)
            other = git[there].peel(pygit2.Commit)
            if not isinstance(mine, pygit2.Commit) or (mine.tree_id, mine.message) != (other.tree_id, other.message):
                return None
            here = str(mine.parent_ids[0]) if mine.parent_ids else None
            there = str(other.parent_ids[0])
        return old if here == there == base else None

    def _tip(self, name: str) -> str | None:
        found = self.repository.git.references.get(f"refs/heads/{self.branch(name)}")
        return str(found.target) if found is not None else None

    def _set(self, name: str, commit: str) -> None:
        try:
            self.repository.git.references.create(name, pygit2.Oid(hex=commit), force=True)
        except (pygit2.GitError, OSError) as error:
            raise RepositoryError(
                f"git cannot write {name}: {error} (is there a branch called `overnight-split`? rename it)"
            ) from None

    def _delete(self, name: str) -> None:
        if self.repository.git.references.get(name) is not None:
            self.repository.git.references.delete(name)
