"""The private copy: whatever a guest did to it, it is as git says afterwards."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overnight.repo.git import Repository
from overnight.repo.worktree import Worktree
from tests.checkout import Checkout


def contents(folder: Path) -> dict[str, str]:
    """Every file and link below a folder; folders count only through what is in them."""
    return {
        path.relative_to(folder).as_posix(): f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


@pytest.fixture
def repository(checkout: Checkout) -> Repository:
    return Repository.find(checkout.folder)


@pytest.fixture
def copy(repository: Repository, tmp_path: Path) -> Worktree:
    return Worktree(repository, tmp_path / "copy")


def replace_by_folder(folder: Path) -> None:
    (folder / "train.py").unlink()
    (folder / "train.py").mkdir()
    (folder / "train.py" / "inside").write_text("x")


def replace_by_link(folder: Path) -> None:
    (folder / "train.py").unlink()
    (folder / "train.py").symlink_to("/etc/hostname")


def folder_by_file(folder: Path) -> None:
    for name in ("lib/deep/util.py", "lib/other.py"):
        (folder / name).unlink()
    (folder / "lib" / "deep").rmdir()
    (folder / "lib").rmdir()
    (folder / "lib").write_text("a file now")


def same_size_and_time(folder: Path) -> None:
    before = (folder / "train.py").stat()
    (folder / "train.py").write_text("LR = 9.9\n"[: before.st_size])
    os.utime(folder / "train.py", ns=(before.st_atime_ns, before.st_mtime_ns))


def take_rights_away(folder: Path) -> None:
    (folder / "locked").mkdir()
    (folder / "locked" / "file").write_text("x")
    (folder / "locked").chmod(0o500)
    (folder / "train.py").chmod(0o000)


def add_a_folder(folder: Path) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "c").write_text("x")


GUESTS: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "writes": (lambda folder: (folder / "train.py").write_text("LR = 9\n"), {"train.py"}),
    "deletes": (lambda folder: (folder / "lib/deep/util.py").unlink(), {"lib/deep/util.py"}),
    "adds": (lambda folder: (folder / "lib/deep/new.py").write_text("x"), {"lib/deep/new.py"}),
    "adds a folder": (add_a_folder, {"a"}),
    "renames": (lambda folder: (folder / "train.py").rename(folder / "lib/t.py"), {"train.py", "lib/t.py"}),
    "makes executable": (lambda folder: (folder / "train.py").chmod(0o755), {"train.py"}),
    "hides its traces": (same_size_and_time, {"train.py"}),
    "puts a folder there": (replace_by_folder, {"train.py"}),
    "puts a link there": (replace_by_link, {"train.py"}),
    "puts a file where a folder was": (folder_by_file, {"lib", "lib/deep/util.py", "lib/other.py"}),
    "takes rights away": (take_rights_away, {"locked", "train.py"}),
    "leaves a log": (lambda folder: (folder / "run.log").write_text("ignored by git"), set()),
    "does nothing": (lambda folder: None, set()),
}


@pytest.mark.parametrize("thorough", [False, True])
@pytest.mark.parametrize("guest", GUESTS)
def test_what_a_guest_did_is_seen_and_undone(
    copy: Worktree, repository: Repository, guest: str, thorough: bool
) -> None:
    copy.checkout(repository.head())
    clean = contents(copy.folder)
    do, seen = GUESTS[guest]
    do(copy.folder)
    assert {change.path for change in copy.changes(thorough)} >= seen
    assert bool(copy.changes(thorough)) == bool(seen)
    copy.clean(thorough)
    left = contents(copy.folder)
    left.pop("run.log", None)  # ignored by git: caches may stay
    assert left == clean
    assert (copy.folder / "train.py").stat().st_mode & 0o777 == 0o644
    assert copy.changes() == copy.changes(thorough=True) == []


def test_switching_between_versions_writes_what_differs(
    copy: Worktree, repository: Repository, checkout: Checkout
) -> None:
    head = repository.head()
    changes = {"train.py": b"LR = 0.2\n", "lib/deep/util.py": None, "new/place.py": b"N\n"}
    other = repository.commit_files(head, changes, "other")
    copy.checkout(head)
    untouched = (copy.folder / "lib/other.py").stat()
    for commit in (other, head, other):
        copy.checkout(commit)
        assert copy.changes(thorough=True) == []
        checkout.git("switch", "-q", "--detach", commit)
        tracked = checkout.git("ls-files").split()
        assert contents(copy.folder) == {name: (checkout.folder / name).read_text() for name in tracked}
    assert (copy.folder / "lib/other.py").stat().st_ino == untouched.st_ino


def test_links_and_executables_are_checked_out_as_such(
    repository: Repository, checkout: Checkout, tmp_path: Path
) -> None:
    (checkout.folder / "link.py").symlink_to("train.py")
    checkout.write("tool.sh", "#!/bin/sh\n")
    (checkout.folder / "tool.sh").chmod(0o755)
    first, second = repository.head(), checkout.commit()
    copy = Worktree(repository, tmp_path / "copy")
    for commit in (first, second):
        copy.checkout(commit)
    assert (copy.folder / "link.py").readlink() == Path("train.py")
    assert os.access(copy.folder / "tool.sh", os.X_OK)
    (copy.folder / "link.py").unlink()
    (copy.folder / "tool.sh").chmod(0o600)
    copy.clean()
    assert (copy.folder / "link.py").readlink() == Path("train.py")
    assert os.access(copy.folder / "tool.sh", os.X_OK)


def test_what_may_be_read_goes_beside_what_git_has_of_its_folder(
    repository: Repository, checkout: Checkout, tmp_path: Path
) -> None:
    checkout.write(".gitignore", "data/*\n!data/.gitkeep\n")
    checkout.write("data/.gitkeep", "")
    checkout.git("init", "-q", "vendor/lib")
    checkout.write("vendor/lib/lib.h", "3")
    Checkout(checkout.folder / "vendor/lib").commit()
    checkout.commit()  # With the submodule's commit in the place of its folder.
    checkout.write("data/deep/points.txt", "3")
    names = ("data", "vendor/lib")
    copy = Worktree(repository, tmp_path / "copy", {name: checkout.folder / name for name in names})
    plain = Worktree(repository, tmp_path / "plain")
    for each in (copy, plain):
        each.checkout(repository.head())
        each.clean(thorough=True)
        assert each.changes(thorough=True) == []
    for name in ("data/deep/points.txt", "vendor/lib/lib.h"):
        assert (copy.folder / name).read_text() == "3"
        assert not (plain.folder / name).exists()
    assert not (copy.folder / "vendor/lib/.git").exists()
    (copy.folder / "data/deep").unlink()
    (copy.folder / "data/more").write_text("x")
    copy.clean()
    assert sorted(path.name for path in (copy.folder / "data").iterdir()) == [".gitkeep", "deep"]


def test_line_ends_are_those_of_the_commit_whatever_the_user_likes(copy: Worktree, checkout: Checkout) -> None:
    checkout.git("config", "core.autocrlf", "true")
    copy.checkout(copy.repository.head())
    assert (copy.folder / "train.py").read_bytes() == b"LR = 0.1\n"


def test_data_that_git_does_not_know_is_linked_in(repository: Repository, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "x.bin").write_text("big")
    copy = Worktree(repository, tmp_path / "copy", {"data": data})
    copy.checkout(repository.head())
    assert (copy.project / "data" / "x.bin").read_text() == "big"
    assert copy.changes() == copy.changes(thorough=True) == []
    copy.remove()
    assert (data / "x.bin").read_text() == "big"
    assert not copy.folder.exists()


def test_the_users_repository_knows_nothing_of_it(copy: Worktree, repository: Repository, checkout: Checkout) -> None:
    index = (checkout.folder / ".git" / "index").read_bytes()
    copy.checkout(repository.head())
    assert (checkout.folder / ".git" / "index").read_bytes() == index
    assert len(checkout.git("worktree", "list").splitlines()) == 1


NAMES = st.sampled_from(["train.py", "lib/other.py", "lib/deep/util.py", "lib/deep", "lib", "new.py", "lib/new.py"])
DEEDS = st.lists(st.tuples(st.sampled_from(["write", "delete", "folder", "link"]), NAMES), max_size=6)


def do(folder: Path, deed: str, name: str) -> None:
    """One deed of a guest's, where it is possible at all."""
    place = folder / name
    try:
        if deed == "write":
            place.write_text("guest")
        elif deed == "folder":
            place.mkdir()
        elif deed == "link":
            place.symlink_to(folder / "train.py")
        elif place.is_dir() and not place.is_symlink():
            place.rename(folder / f"moved-{name.replace('/', '-')}")
        else:
            place.unlink()
    except OSError:
        pass


@settings(max_examples=30)
@given(st.lists(DEEDS, max_size=4))
def test_no_sequence_of_deeds_leaves_a_trace(rounds: list[list[tuple[str, str]]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        made = Checkout(Path(name) / "project")
        for path in ("train.py", "lib/other.py", "lib/deep/util.py"):
            made.write(path, path)
        made.git("init", "-q")
        made.commit()
        repository = Repository.find(made.folder)
        other = repository.commit_files(repository.head(), {"train.py": b"two", "lib/deep/util.py": None}, "other")
        copy = Worktree(repository, Path(name) / "copy")
        clean = {}
        for commit in (repository.head(), other):
            copy.checkout(commit)
            clean[commit] = contents(copy.folder)
        for index, deeds in enumerate(rounds):
            commit = other if index % 2 else repository.head()
            copy.checkout(commit)
            for deed in deeds:
                do(copy.folder, *deed)
            copy.clean()
            assert contents(copy.folder) == clean[commit]
            assert copy.changes(thorough=True) == []
        copy.remove()
