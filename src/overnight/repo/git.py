"""The user's git repository, read and added to, never changed: their checkout, index, branches and stash stay."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pygit2
from pygit2.enums import FileMode, ObjectType

from overnight.errors import RepositoryError, Trouble, TroubleKind, explain_os

# libgit2 would keep every candidate it has written in memory: by the morning that is a lot, and none is read again.
pygit2.settings.enable_caching(False)
# What the ledger speaks of must be there after a loss of power too.
pygit2.settings.enable_fsync_gitdir(True)

NEVER_COMMITTED = (".overnight", ".venv", "venv", "node_modules", "__pycache__")
_LARGE_BYTES = 20 * 2**20


@dataclass(frozen=True)
class Repository:
    """A repository and the folder in it that holds goal.md."""

    git: pygit2.Repository
    root: Path
    """The repository's top folder."""
    prefix: str
    """goal.md's folder relative to `root`, in POSIX form; "" when they are the same."""

    @classmethod
    def find(cls, folder: Path) -> Repository:
        """The repository that `folder` is in. Raises RepositoryError if there is none, or it has no commit."""
        try:
            found = pygit2.discover_repository(str(folder))
            git = pygit2.Repository(found) if found else None
        except pygit2.GitError as error:
            raise RepositoryError(f"git cannot open the repository of {folder}: {error}") from None
        if git is None:
            raise RepositoryError(
                f"{folder} is not in a git repository; kept changes become commits, so one is needed. "
                "Add --init to make one here with your files as its first commit"
            )
        if git.workdir is None:
            raise RepositoryError(f"{folder} is in a bare git repository; use a clone with a working folder")
        if git.head_is_unborn:
            raise RepositoryError(
                "the git repository has no commit yet, so there is nothing to start from. Commit your files "
                "(`git add -A && git commit -m start`), or add --init to have that done"
            )
        root = Path(git.workdir).resolve()
        prefix = folder.resolve().relative_to(root).as_posix()
        return cls(git, root, "" if prefix == "." else prefix)

    @property
    def common_folder(self) -> Path:
        """The folder that holds refs and objects: `.git`, also where this is a worktree of another's."""
        own = Path(self.git.path)
        link = own / "commondir"
        return (own / link.read_text().strip()).resolve() if link.is_file() else own

    def head(self) -> str:
        """The commit that is checked out (40 hex digits)."""
        return str(self.git.head.target)

    def has(self, commit: str) -> bool:
        """Whether the repository holds this commit."""
        try:
            return self.git.get(commit) is not None
        except ValueError:
            return False

    def tracked(self, commit: str) -> list[str]:
        """Every file in goal.md's folder at `commit`, relative to that folder, in order."""
        folder = self._entry(commit, "")
        return sorted(_files_below(folder, "")) if isinstance(folder, pygit2.Tree) else []

    def read(self, commit: str, path: str) -> bytes | None:
        """The contents of `path` (relative to goal.md's folder) at `commit`; None if it is not a file there."""
        entry = self._entry(commit, path)
        return bytes(entry.data) if isinstance(entry, pygit2.Blob) else None

    def link(self, commit: str, path: str) -> str | None:
        """Where `path` leads at `commit`; None if it is no symbolic link there."""
        entry = self._entry(commit, path)
        if isinstance(entry, pygit2.Blob) and entry.filemode == pygit2.enums.FileMode.LINK:
            return bytes(entry.data).decode(errors="replace")
        return None

    def commit_files(self, parent: str, changes: Mapping[str, bytes | None], message: str) -> str:
        """A new commit on top of `parent` with `changes` (paths relative to goal.md's folder; None deletes a file).

        Nothing points at it yet: the ledger is told first, a ref is set after.
        """
        full = {(PurePosixPath(self.prefix) / path).parts: content for path, content in changes.items()}
        with in_git("git cannot store a candidate"):
            tree = _changed_tree(self.git, self._commit(parent).tree, full)
        return self.commit_tree(parent, str(tree), message)

    def commit_tree(self, parent: str, tree: str, message: str) -> str:
        """A new commit of `tree` on top of `parent`, in the user's name where git knows it."""
        who = self.signature()
        with in_git("git cannot store a commit"):
            return str(self.git.create_commit(None, who, who, message, pygit2.Oid(hex=tree), [pygit2.Oid(hex=parent)]))

    def merged_tree(self, before: str, ours: str, theirs: str) -> str | None:
        """The tree that holds what `ours` and `theirs` have both made of `before`; None where they are in conflict."""
        with in_git("git cannot merge two versions"):
            ancestor, one, other = (self._commit(commit).tree for commit in (before, ours, theirs))
            merged = self.git.merge_trees(ancestor, one, other)
            return None if merged.conflicts is not None else str(merged.write_tree(self.git))

    def tree_of(self, commit: str) -> str:
        """The id of a commit's tree."""
        return str(self._commit(commit).tree_id)

    def is_whole(self, commit: str) -> bool:
        """Whether git has a commit and all in it that its parent has not."""
        try:
            found = self.git[commit].peel(pygit2.Commit)
            before = found.parents[0].tree if found.parents else None
            return all(_is_there(self.git, entry) for entry in _new_entries(before, found.tree))
        except (KeyError, pygit2.GitError):
            return False

    def parent_and_message(self, commit: str) -> tuple[str | None, str]:
        """A commit's first parent, and what was written about it."""
        found = self._commit(commit)
        return (str(found.parent_ids[0]) if found.parent_ids else None), found.message

    def patch(self, old: str, new: str) -> str:
        """What `git diff old new` prints."""
        return self._difference(old, new).patch or ""

    def patch_if_whole(self, old: str, new: str) -> str | None:
        """The same, or None where git no longer has all of the two commits."""
        try:
            return self.patch(old, new) if self.has(old) and self.has(new) else None
        except (pygit2.GitError, KeyError, ValueError):  # A file in them is lost.
            return None

    def _difference(self, old: str, new: str) -> pygit2.Diff:
        """pygit2's `diff` by itself says of a tree that cannot be read that it is of the wrong type."""
        before, after = (self.git.revparse_single(commit).peel(pygit2.Tree) for commit in (old, new))
        return before.diff_to_tree(after)

    def changed(self, old: str, new: str) -> list[str]:
        """The files in goal.md's folder that differ between two commits, relative to that folder, in order."""
        with in_git(f"git no longer has all of commit {new[:7]}"):
            names = {delta.new_file.path for delta in self._difference(old, new).deltas}
        prefix = f"{self.prefix}/" if self.prefix else ""
        return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))

    def is_ignored(self, path: str) -> bool:
        """Whether git would ignore `path` (relative to the repository's root)."""
        try:
            return bool(self.git.path_is_ignored(path))
        except UnicodeEncodeError:
            return False  # A name that is no text: nobody's .gitignore has it.

    def _commit(self, commit: str) -> pygit2.Commit:
        with in_git(f"git no longer has commit {commit[:7]}"):
            return self.git[commit].peel(pygit2.Commit)

    def _entry(self, commit: str, path: str) -> pygit2.Object | None:
        full = (PurePosixPath(self.prefix) / path).as_posix()
        with in_git(f"git no longer has all of commit {commit[:7]}"):
            tree = self._commit(commit).tree
            if full == ".":
                return tree
            # Not `get`: it would take a file that git has lost for one that was never there.
            return tree[full] if full in tree else None  # noqa: SIM401

    def signature(self) -> pygit2.Signature:
        """Who commits: the user as git knows them, or Overnight where it knows nobody."""
        try:
            return self.git.default_signature
        except KeyError:
            return pygit2.Signature("Overnight", "overnight@localhost")


_NO_ROOM = ("No space left", "unable to write file")
"""How git says that a disk is full: sometimes by the cause, sometimes not."""


@contextlib.contextmanager
def in_git(doing: str) -> Iterator[None]:
    """Say in words what git could not do: an object is gone (`git gc` may be at work), a file cannot be written."""
    try:
        yield
    except OSError as error:
        raise explain_os(error, doing) from None
    except (pygit2.GitError, KeyError, RepositoryError) as error:
        kind: TroubleKind = "disk" if any(words in str(error) for words in _NO_ROOM) else "git"
        raise Trouble(kind, f"{doing} ({error})") from None


def _new_entries(before: pygit2.Tree | None, after: pygit2.Tree) -> Iterator[pygit2.Object]:
    known = {entry.name: entry for entry in before} if before is not None else {}
    for entry in after:
        old = known.get(entry.name)
        if old is None or old.id != entry.id:
            yield entry
            if isinstance(entry, pygit2.Tree):
                yield from _new_entries(old if isinstance(old, pygit2.Tree) else None, entry)


def _is_there(git: pygit2.Repository, entry: pygit2.Object) -> bool:
    return entry.filemode == FileMode.COMMIT or entry.id in git  # A submodule's commit is in another repository.


def _files_below(tree: pygit2.Tree, prefix: str) -> list[str]:
    files = []
    for entry in tree:
        if entry.type == ObjectType.TREE:
            files += _files_below(entry, f"{prefix}{entry.name}/")  # type: ignore[arg-type]
        elif entry.type == ObjectType.BLOB:
            files.append(f"{prefix}{entry.name}")
    return files


def _changed_tree(
    git: pygit2.Repository, tree: pygit2.Tree | None, changes: Mapping[tuple[str, ...], bytes | None]
) -> pygit2.Oid:
    """`tree` with the changes made; only the folders on the way to a changed file are written anew."""
    builder = git.TreeBuilder(tree) if tree is not None else git.TreeBuilder()
    below: dict[str, dict[tuple[str, ...], bytes | None]] = {}
    for (name, *rest), content in changes.items():
        if rest:
            below.setdefault(name, {})[tuple(rest)] = content
        elif content is not None:
            old = builder.get(name)
            mode = old.filemode if old is not None and old.type == ObjectType.BLOB else FileMode.BLOB
            builder.insert(name, git.create_blob(content), mode)
        elif builder.get(name) is not None:
            builder.remove(name)
    for name, inner in below.items():
        old = builder.get(name)
        subtree = _changed_tree(git, old if isinstance(old, pygit2.Tree) else None, inner)
        if len(git[subtree]):  # type: ignore[arg-type]
            builder.insert(name, subtree, FileMode.TREE)
        elif old is not None:
            builder.remove(name)
    return builder.write()


def git_program(arguments: list[str], cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """What the `git` program prints, for what libgit2 cannot do. Raises RepositoryError with git's own words."""
    program = shutil.which("git")
    if program is None:
        raise RepositoryError("the program `git` is not installed; install it (`apt install git`, or Xcode's tools)")
    done = subprocess.run(
        [program, *arguments], cwd=cwd, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RepositoryError(f"`git {' '.join(arguments)}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def create_repository(folder: Path) -> list[str]:
    """Make `folder` a repository (if it is in none) whose first commit holds its files.

    Returns what was left out: environments, caches and files above 20 MiB, which do not belong in git.
    """
    if pygit2.discover_repository(str(folder)) is None:
        git_program(["init", "--quiet"], folder)
    git = pygit2.Repository(str(pygit2.discover_repository(str(folder))))
    if not git.head_is_unborn:
        return []
    names = git_program(["ls-files", "--others", "--cached", "--exclude-standard", "-z"], folder).split("\0")
    left_out, wanted = set(), []
    for name in filter(None, names):
        unwanted = next((part for part in Path(name).parts if part in NEVER_COMMITTED), None)
        if unwanted or (folder / name).lstat().st_size > _LARGE_BYTES:
            left_out.add(unwanted or name)
        else:
            wanted.append(name)
    if not wanted:
        raise RepositoryError(f"{folder} has no file to commit; put your project there first")
    for start in range(0, len(wanted), 500):
        git_program(["add", "--", *wanted[start : start + 500]], folder)
    who = ["-c", "user.name=Overnight", "-c", "user.email=overnight@localhost"] if not _knows_user(git) else []
    git_program([*who, "commit", "--quiet", "-m", "Start"], folder)
    return sorted(left_out)


def _knows_user(git: pygit2.Repository) -> bool:
    try:
        return git.default_signature is not None
    except KeyError:
        return False
