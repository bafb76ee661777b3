"""Commits made without a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from overnight.errors import RepositoryError
from overnight.repo.git import Repository, create_repository
from tests.checkout import Checkout


def files_at(checkout: Checkout, commit: str) -> dict[str, str]:
    """What git says a commit holds."""
    names = checkout.git("ls-tree", "-r", "--name-only", commit).split()
    return {name: checkout.git("show", f"{commit}:{name}") for name in names}


def test_a_commit_changes_adds_and_deletes_and_leaves_the_rest(checkout: Checkout) -> None:
    checkout.git("update-index", "--chmod=+x", "lib/other.py")
    checkout.git("commit", "-qm", "executable")
    repository = Repository.find(checkout.folder)
    head = repository.head()
    before = files_at(checkout, head)
    changes = {"train.py": b"LR = 0.2\n", "new/folder/x.py": b"X\n", "lib/deep/util.py": None, "lib/other.py": b"C\n"}
    commit = repository.commit_files(head, changes, "an idea\n")
    assert files_at(checkout, commit) == {
        ".gitignore": before[".gitignore"], "train.py": "LR = 0.2\n", "new/folder/x.py": "X\n", "lib/other.py": "C\n",
    }  # fmt: skip
    assert "100755" in checkout.git("ls-tree", commit, "lib/other.py")
    assert checkout.git("log", "-1", "--format=%P %s", commit).strip() == f"{head} an idea"
    assert "error" not in checkout.git("fsck", "--strict")
    assert checkout.git("rev-parse", "HEAD").strip() == head
    assert checkout.git("status", "--porcelain") == " M lib/other.py\n"  # only the mode bit we set in the index
    assert "+LR = 0.2" in repository.patch(head, commit)


def test_the_goals_folder_may_be_inside_the_repository(checkout: Checkout) -> None:
    repository = Repository.find(checkout.folder / "lib")
    assert repository.prefix == "lib"
    head = repository.head()
    assert repository.tracked(head) == ["deep/util.py", "other.py"]
    assert repository.read(head, "other.py") == b"B = 2\n"
    assert repository.read(head, "train.py") is None
    commit = repository.commit_files(head, {"deep/util.py": b"A = 9\n"}, "inside")
    assert checkout.git("diff", "--name-only", head, commit).split() == ["lib/deep/util.py"]


def test_has(checkout: Checkout) -> None:
    repository = Repository.find(checkout.folder)
    assert repository.has(repository.head())
    assert not repository.has("0" * 40)
    assert not repository.has("no commit at all")


def test_what_is_no_repository_to_work_from(tmp_path: Path, checkout: Checkout) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(RepositoryError, match=r"is not in a git repository.*Add --init"):
        Repository.find(tmp_path / "plain")
    checkout.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    with pytest.raises(RepositoryError, match="bare git repository"):
        Repository.find(tmp_path / "bare")
    (tmp_path / "plain" / ".git").mkdir()
    with pytest.raises(RepositoryError):
        Repository.find(tmp_path / "plain")


def test_a_repository_is_made_without_what_does_not_belong_in_it(tmp_path: Path) -> None:
    made = Checkout(tmp_path)
    made.write("train.py", "LR = 1\n")
    made.write("node_modules/x/index.js", "x")
    made.write("debug.log", "x")
    made.write(".gitignore", "*.log\n")
    (tmp_path / "weights.bin").write_bytes(b"\0" * (21 * 2**20))
    assert create_repository(tmp_path) == ["node_modules", "weights.bin"]
    assert made.git("ls-files").split() == [".gitignore", "train.py"]
    assert create_repository(tmp_path) == []
    assert made.git("rev-list", "--count", "HEAD").strip() == "1"


def test_an_empty_folder_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="has no file to commit"):
        create_repository(tmp_path)


def test_a_patch_of_what_git_has_lost_is_none(checkout: Checkout) -> None:
    repository = Repository.find(checkout.folder)
    commit = repository.commit_files(repository.head(), {"train.py": b"LR = 0.2\n"}, "an idea\n")
    tree = checkout.git("rev-parse", f"{commit}^{{tree}}").strip()
    (checkout.folder / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    assert Repository.find(checkout.folder).patch_if_whole(repository.head(), commit) is None
