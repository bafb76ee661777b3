"""A private copy of the project where agents edit and runs run: cheap to switch, checked after every guest, cleaned up.

It is a plain folder and no `git worktree`, so nothing of it shows in the user's repository. Git fills it once;
after that only what differs is written, and a change is noticed by inotify (Linux) or by each file's stat.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pygit2
from pygit2.enums import FileMode, ObjectType

from overnight.folders import remove
from overnight.repo.git import Repository, git_program, in_git
from overnight.repo.watch import Watch

_Stat = tuple[int, int, int, int]


@dataclass(frozen=True)
class Change:
    """One path that is not as it was checked out, relative to the repository's root."""

    path: str
    is_new: bool
    """Untracked and not ignored, rather than a tracked file that was changed or deleted."""


class Worktree:
    """One private copy, at `folder`. Not for two users at a time."""

    def __init__(self, repository: Repository, folder: Path, links: Mapping[str, Path] | None = None) -> None:
        """`links` puts symbolic links to untracked folders (the goal's `read`) into the copy's project folder."""
        self.repository = repository
        self.folder = folder
        self.project = folder / repository.prefix
        self._links = {
            (PurePosixPath(repository.prefix) / name).as_posix(): target for name, target in (links or {}).items()
        }
        self._linked: dict[str, Path] = {}
        """Every link that was put there, and where it leads."""
        self._tree: str | None = None
        self._stats: dict[str, _Stat] = {}
        self._folders: set[str] = set()
        self._identity: tuple[int, int] | None = None
        self._watch: Watch | None = None
        self._suspects: set[str] | None = set()  # None: only a look at every file can tell.

    def checkout(self, commit: str) -> None:
        """Make the copy hold exactly `commit`. Raises Trouble when it cannot be written."""
        tree = self.repository.tree_of(commit)
        with in_git(f"the working copy {self.folder} cannot be written"):
            if self._tree is None or not self.is_in_place():
                self._fill(tree)
            else:
                self.clean()  # A guest elsewhere may have found its way here.
                if tree != self._tree:
                    self._switch(tree)
        self._tree = tree

    def changes(self, thorough: bool = False) -> list[Change]:
        """What somebody changed since the checkout, but for what git ignores.

        `thorough` looks at every file instead of asking inotify.
        """
        return [change for change in self._all_changes(thorough) if not (change.is_new and self._ignored(change.path))]

    def touched(self) -> list[str]:
        """Every path that is not as it was checked out, also what git ignores."""
        return [change.path for change in self._all_changes(thorough=False)]

    def is_in_place(self) -> bool:
        """Whether the folder is the one that was filled: nothing is cleaned where a guest put another, or a link."""
        try:
            status = self.folder.lstat()
        except OSError:
            return False
        return stat.S_ISDIR(status.st_mode) and (status.st_dev, status.st_ino) == self._identity

    def _all_changes(self, thorough: bool) -> list[Change]:
        if not self.is_in_place():
            return [Change(path, False) for path in sorted(self._stats)]
        touched = self._watch.touched() if self._watch is not None else None
        self._suspects = None if touched is None or self._suspects is None else self._suspects | touched
        look_at_all = thorough or self._suspects is None
        paths = self._scan() if look_at_all else [path for path in self._suspects or () if self._differs(path)]
        return [Change(path, path not in self._stats) for path in sorted(paths)]

    def clean(self, thorough: bool = False) -> None:
        """Undo what was changed since the checkout: tracked files are written anew, new ones removed.

        Also what git ignores: what one guest leaves must not reach the next.
        """
        if not self.is_in_place():
            return  # The next checkout fills it anew.
        with in_git(f"the working copy {self.folder} cannot be cleaned"):
            for change in self._all_changes(thorough):
                if change.is_new:
                    remove(self.folder / change.path)
                else:
                    self._write(change.path)
            self._link()
            self._settle()

    def write(self, files: Mapping[str, bytes]) -> None:
        """Put `files` (relative to goal.md's folder) into the copy as if they had been checked out."""
        for path, content in files.items():
            full = (PurePosixPath(self.repository.prefix) / path).as_posix()
            _replace(self.folder / full, content, executable=False)
            self._stats[full] = _stat(self.folder / full)
            self._folders.update(map(str, PurePosixPath(full).parents))
        self._settle()

    def paths(self) -> list[str]:
        """Every tracked file that is checked out, relative to goal.md's folder; none that lies outside it."""
        prefix = f"{self.repository.prefix}/" if self.repository.prefix else ""
        return [path.removeprefix(prefix) for path in self._stats if path.startswith(prefix)]

    def remove(self) -> None:
        """Delete the copy."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        remove(self.folder)
        self._tree = None

    def _fill(self, tree: str) -> None:
        remove(self.folder)
        self.folder.mkdir(parents=True)
        status = self.folder.lstat()
        self._identity = (status.st_dev, status.st_ino)
        index = self.folder.with_name(self.folder.name + ".index")
        git_folder = str(Path(self.repository.git.path))
        where = {"GIT_DIR": git_folder, "GIT_WORK_TREE": str(self.folder), "GIT_INDEX_FILE": str(index)}
        # No hook of the user's may run, and nothing of theirs decide what is written.
        settings = ("hooksPath=/dev/null", "sparseCheckout=false", "fsmonitor=false", "autocrlf=false")
        plain = [word for setting in settings for word in ("-c", f"core.{setting}")]
        git_program([*plain, "read-tree", tree], self.folder, where)
        git_program([*plain, "checkout-index", "--all", "--force", "--quiet"], self.folder, where)
        remove(index)
        self._link()
        self._stats = {path: _stat(self.folder / path) for path in self._tracked(tree, ObjectType.BLOB)}
        there = (*self._stats, *self._linked)
        self._folders = {str(parent) for path in there for parent in PurePosixPath(path).parents}
        self._folders.update(self._tracked(tree, ObjectType.COMMIT))  # Git makes an empty folder of a submodule.
        self._watch = Watch.of(self.folder, self._folders)

    def _link(self) -> None:
        for name, target in self._links.items():
            self._link_to(name, target)

    def _link_to(self, name: str, target: Path) -> None:
        link = self.folder / name
        if not os.path.lexists(link):
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)
            self._linked[name] = target
        elif link.is_dir() and not link.is_symlink() and target.is_dir():
            # Git has something of that folder (a .gitkeep, a submodule's place): the rest is put beside it.
            for each in target.iterdir():
                if each.name != ".git":
                    self._link_to(f"{name}/{each.name}", each)

    def _tracked(self, tree: str, kind: ObjectType) -> list[str]:
        def below(node: pygit2.Tree, prefix: str) -> Iterable[str]:
            for entry in node:
                if entry.type == ObjectType.TREE:
                    yield from below(entry, f"{prefix}{entry.name}/")  # type: ignore[arg-type]
                elif entry.type == kind:
                    yield f"{prefix}{entry.name}"

        node = self.repository.git[tree]
        assert isinstance(node, pygit2.Tree)
        return [path for path in below(node, "") if os.path.lexists(self.folder / path)]

    def _switch(self, tree: str) -> None:
        old, new = self.repository.git[self._tree or tree], self.repository.git[tree]
        assert isinstance(old, pygit2.Tree)
        assert isinstance(new, pygit2.Tree)
        self._tree = tree
        for path in _differing(old, new, ""):
            self._write(path)
        self._settle()

    def _write(self, path: str) -> None:
        """Make `path` what the checked-out tree says, which may be: not there."""
        target = self.folder / path
        try:
            entry = self.repository.git[self._tree or ""][path]  # type: ignore[index]
        except KeyError:
            remove(target)
            self._stats.pop(path, None)
            self._prune(PurePosixPath(path).parent)
            return
        if entry.filemode == FileMode.LINK:
            remove(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(bytes(entry.data).decode())
        else:
            _replace(target, bytes(entry.data), executable=entry.filemode == FileMode.BLOB_EXECUTABLE)
        self._stats[path] = _stat(target)
        self._folders.update(map(str, PurePosixPath(path).parents))

    def _prune(self, folder: PurePosixPath) -> None:
        """Take away a folder that holds no tracked file any more, as git does."""
        while folder.name and (self.folder / folder).is_dir() and not any((self.folder / folder).iterdir()):
            (self.folder / folder).rmdir()
            self._folders.discard(str(folder))
            folder = folder.parent

    def _settle(self) -> None:
        """Forget the events of our own writing. Nobody else writes now: guests have ended."""
        if self._watch is not None and (self._suspects is None or self._watch.touched() is None):
            self._watch.close()
            self._watch = Watch.of(self.folder, self._folders)
        self._suspects = set()

    def _differs(self, path: str) -> bool:
        known = self._stats.get(path)
        if known is not None:
            return not os.path.lexists(self.folder / path) or _stat(self.folder / path) != known
        there = os.path.lexists(self.folder / path)
        return there and path not in self._folders and not self._is_own_link(path)

    def _is_own_link(self, path: str) -> bool:
        """Whether `path` is a link to a folder that may be read, and still leads there."""
        target = self._linked.get(path)
        place = self.folder / path
        return target is not None and place.is_symlink() and place.readlink() == target

    def _ignored(self, path: str) -> bool:
        is_folder = (self.folder / path).is_dir() and not (self.folder / path).is_symlink()
        return PurePosixPath(path).name != ".git" and self.repository.is_ignored(path + "/" * is_folder)

    def _scan(self) -> list[str]:
        """Every path that is not as checked out, found by looking at all of them."""
        found, seen = [], set()
        pending = [""]
        while pending:
            prefix = pending.pop()
            for entry in os.scandir(self.folder / prefix):
                path = f"{prefix}{entry.name}"
                if entry.is_dir(follow_symlinks=False) and path in self._folders:
                    pending.append(f"{path}/")
                elif path in self._stats:
                    seen.add(path)
                    if _signature(entry.stat(follow_symlinks=False)) != self._stats[path]:
                        found.append(path)
                elif not self._is_own_link(path):
                    found.append(path)
        return found + [path for path in self._stats if path not in seen]


def _differing(old: pygit2.Tree | None, new: pygit2.Tree | None, prefix: str) -> Iterable[str]:
    """The files that differ between two trees. Folders that are the same are not looked into (libgit2's diff does)."""
    before, after = ({entry.name: entry for entry in tree} if tree is not None else {} for tree in (old, new))
    for name in before.keys() | after.keys():
        one, other = before.get(name), after.get(name)
        if one is not None and other is not None and one.id == other.id and one.filemode == other.filemode:
            continue
        one_tree, other_tree = (entry if isinstance(entry, pygit2.Tree) else None for entry in (one, other))
        if one_tree is not None or other_tree is not None:
            yield from _differing(one_tree, other_tree, f"{prefix}{name}/")
        if any(isinstance(entry, pygit2.Blob) for entry in (one, other)):
            yield f"{prefix}{name}"


def _stat(path: Path) -> _Stat:
    return _signature(path.lstat())


def _signature(status: os.stat_result) -> _Stat:
    # The inode's change time cannot be set back by a program, unlike the modification time.
    return status.st_ctime_ns, status.st_size, status.st_ino, status.st_mode


def _replace(target: Path, content: bytes, *, executable: bool) -> None:
    """Write through a new file, so that a link or an open handle of a guest leads nowhere."""
    if target.is_dir() and not target.is_symlink():
        remove(target)
    if not target.parent.is_dir():
        _clear_way(target.parent)
        target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.overnight")
    fresh.write_bytes(content)
    fresh.chmod(0o755 if executable else 0o644)
    fresh.replace(target)
    for stale in target.parent.glob(f"__pycache__/{target.stem}.*.pyc") if target.suffix == ".py" else ():
        stale.unlink(missing_ok=True)  # Python compares whole seconds and sizes: too coarse for our pace.


def _clear_way(folder: Path) -> None:
    """Remove what stands where a folder must be: a file or a link that a guest put there."""
    for place in [*reversed(folder.parents), folder]:
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            remove(place)
