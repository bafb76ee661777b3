"""Commits on their way to another machine: git bundles of what it lacks, and the repository there that they feed."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from overnight.errors import RepositoryError
from overnight.folders import remove
from overnight.repo.git import Repository, git_program, in_git

_REFS = "refs/overnight"
_MOST_REMEMBERED = 4
_NEVER_TIDY = ("-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "core.hooksPath=/dev/null")


@dataclass(frozen=True)
class Parcel:
    """A commit with all of its history that the other side lacks."""

    commit: str
    after: str | None
    """The ancestor that the other side must have; None: the parcel is whole."""
    bundle: bytes
    shallow: str = ""
    """What git calls so: the commits whose parents are missing where it comes from."""


def write_bundle(repository: Repository, branches: Sequence[str], base: str, place: Path) -> None:
    """Put branches into a file from which any repository that has the commit `base` can fetch them.

    Raises RepositoryError where it cannot be written.
    """
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RepositoryError(f"{place} cannot be written: {error.strerror}") from None
    names = [f"refs/heads/{branch}" for branch in branches]
    git_program(
        ["bundle", "create", "--quiet", str(place.absolute()), *names, f"^{base}"],
        repository.common_folder,
        {"GIT_DIR": str(repository.common_folder)},
    )


class Sender:
    """Packs commits of the user's repository, from which it only reads. For any number of threads."""

    def __init__(self, repository: Repository, folder: Path) -> None:
        """`folder` is a place of its own: git bundles what has a name, and names are not made in the user's."""
        self._repository = repository
        self._folder = folder
        self._lock = threading.Lock()
        self._packed: dict[tuple[str, str | None], Parcel] = {}

    def pack(self, commit: str, known: Collection[str]) -> Parcel:
        """`commit` for a side that has all of `known`. Raises Trouble when git cannot do that."""
        with self._lock:
            after = self._nearest(commit, known)
            if (commit, after) not in self._packed:
                with in_git(f"commit {commit[:7]} cannot be bundled"):
                    self._packed[commit, after] = self._bundle(commit, after)
                while len(self._packed) > _MOST_REMEMBERED:
                    del self._packed[next(iter(self._packed))]
            return self._packed[commit, after]

    def _nearest(self, commit: str, known: Collection[str]) -> str | None:
        ancestor: str | None = commit
        while ancestor is not None and self._repository.has(ancestor):
            ancestor = self._repository.parent_and_message(ancestor)[0]
            if ancestor in known:
                return ancestor
        return None

    def _bundle(self, commit: str, after: str | None) -> Parcel:
        users = self._repository.common_folder
        shallow = users / "shallow"
        known_shallow = shallow.read_text() if shallow.is_file() else ""
        if not (self._folder / "HEAD").is_file():
            _make_bare(self._folder)
            _borrow(self._folder, users)
        if known_shallow:
            (self._folder / "shallow").write_text(known_shallow)
        name, place = f"{_REFS}/{commit}", self._folder / "bundle"
        _git(self._folder, "update-ref", name, commit)
        _git(self._folder, "bundle", "create", "--quiet", str(place), name, *([f"^{after}"] if after else []))
        _git(self._folder, "update-ref", "-d", name)
        content = place.read_bytes()
        place.unlink()
        return Parcel(commit, after, content, known_shallow)


class Store:
    """The repository of a machine away from the user's, which only parcels feed. Not for two processes at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def known(self) -> tuple[str, ...]:
        """The commits that came in parcels."""
        if not (self.folder / "HEAD").is_file():
            return ()
        names = _git(self.folder, "for-each-ref", "--format=%(refname)", _REFS).split()
        return tuple(name.rpartition("/")[2] for name in names)

    def receive(self, parcel: Parcel) -> None:
        """Take in a parcel. Raises Trouble when it cannot be written, or when what it builds on is not there."""
        with in_git(f"commit {parcel.commit[:7]} cannot be taken in"):
            if not (self.folder / "HEAD").is_file():
                _make_bare(self.folder)
            if parcel.shallow:
                place = self.folder / "shallow"
                before = place.read_text().split() if place.is_file() else []
                place.write_text("".join(f"{line}\n" for line in dict.fromkeys([*before, *parcel.shallow.split()])))
            name, place = f"{_REFS}/{parcel.commit}", self.folder / "parcel"
            place.write_bytes(parcel.bundle)
            _git(self.folder, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(place), f"{name}:{name}")
            place.unlink()

    def check_out(self, commit: str, folder: Path) -> None:
        """Make `folder` a checkout of `commit` that finds in this store all that comes later, too."""
        remove(folder)
        folder.mkdir(parents=True)
        own = folder / ".git"
        with in_git(f"commit {commit[:7]} cannot be checked out to {folder}"):
            git_program(["init", "--quiet", "--template=", str(folder)], folder, {"GIT_DIR": str(own)})
            _borrow(own, self.folder)
            shallow = self.folder / "shallow"
            if shallow.is_file():
                (own / "shallow").write_bytes(shallow.read_bytes())
            where = {"GIT_DIR": str(own), "GIT_WORK_TREE": str(folder)}
            plain = [*_NEVER_TIDY, "-c", "core.autocrlf=false", "-c", "advice.detachedHead=false"]
            git_program([*plain, "checkout", "--quiet", "--force", "--detach", commit], folder, where)


def _make_bare(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _git(folder, "init", "--quiet", "--bare", "--template=", str(folder))


def _borrow(repository: Path, lender: Path) -> None:
    """Have a repository read objects from another, too."""
    place = repository / "objects" / "info" / "alternates"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"{lender / 'objects'}\n")


def _git(folder: Path, *arguments: str) -> str:
    return git_program([*_NEVER_TIDY, *arguments], folder, {"GIT_DIR": str(folder)})
