"""The project that a session is about: where its versions come from, and which files in it may change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from overnight.errors import GoalError
from overnight.goal.document import Goal
from overnight.repo.blocks import MarkersError, blocks
from overnight.repo.candidate import Scope
from overnight.repo.git import Repository


@dataclass(frozen=True)
class Origin:
    """Where versions come from: a repository, the commit to start from, and the files in it that may change."""

    repository: Repository
    base: str
    scope: Scope

    def edit_files(self, commit: str) -> dict[str, bytes]:
        """The files that may change, as `commit` has them."""
        literal = self.scope.literal
        paths = literal if literal is not None else self.scope.of(self.repository.tracked(commit))
        contents = {path: self.repository.read(commit, path) for path in paths}
        return {path: content for path, content in contents.items() if content is not None}


@dataclass(frozen=True)
class Project(Origin):
    """The user's project as a session sees it."""

    goal: Goal

    @classmethod
    def of(cls, goal: Goal, base: str | None = None) -> Project:
        """The project around `goal`, at `base` or at the commit that is checked out.

        Raises RepositoryError when there is no repository or commit, GoalError when an `edit` file is not tracked,
        is the goal itself or a symbolic link, or has EVOLVE-BLOCK markers that do not pair.
        """
        repository = Repository.find(goal.folder)
        commit = base or repository.head()
        scope = Scope(goal.settings.edit)
        if scope.allows(goal.path.name):
            raise GoalError(
                [f"{goal.at('edit')}: `edit`: {goal.path.name} says what is measured; it cannot be changed"]
            )
        missing = scope.untracked(repository.tracked(commit))
        if missing:
            raise GoalError(
                [
                    f"{goal.at('edit')}: `edit`: {name!r} is not in the commit that the session starts from "
                    f"({commit[:7]}), so it could not be undone; commit it (`git add {name} && git commit`)"
                    for name in missing
                ]
            )
        project = cls(repository, commit, scope, goal)
        if mistakes := [*project._links(), *project._unpaired_markers()]:
            raise GoalError(mistakes)
        return project

    def _links(self) -> Iterator[str]:
        for path in self.scope.literal or ():
            if target := self.repository.link(self.base, path):
                yield (
                    f"{self.goal.at('edit')}: `edit`: {path!r} is a link to {target!r}, and would stay as it is; name "
                    "that file"
                )

    def _unpaired_markers(self) -> Iterator[str]:
        for path, content in self.edit_files(self.base).items():
            try:
                blocks(content)
            except MarkersError as error:
                yield f"{self.goal.at('edit')}: `edit`: {path}:{error.line}: {error}"

    def warnings(self) -> list[str]:
        """What a careful colleague would say before the session starts: edits that are not committed are not in it."""
        changed = [
            path
            for path, content in self.edit_files(self.base).items()
            if not (place := self.goal.folder / path).is_file() or _lines(place.read_bytes()) != _lines(content)
        ]
        if not changed:
            return []
        names = ", ".join(changed)
        return [
            f"{names} has changes that are not committed; the session starts from commit {self.base[:7]}, without them"
        ]


def _lines(content: bytes) -> bytes:
    """Without what `core.autocrlf` makes of line ends in a checkout, which is no change."""
    return content.replace(b"\r\n", b"\n")
