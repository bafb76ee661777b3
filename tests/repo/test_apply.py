"""Kept commits on the user's branch, or everything as it was."""

from __future__ import annotations

import pytest

from overnight.errors import RepositoryError
from overnight.repo.apply import apply_kept
from overnight.repo.git import Repository
from tests.checkout import Checkout


@pytest.fixture
def kept(checkout: Checkout) -> tuple[str, str]:
    """Two kept commits: base and tip."""
    repository = Repository.find(checkout.folder)
    base = repository.head()
    first = repository.commit_files(base, {"train.py": b"LR = 0.2\n"}, "raise LR\n")
    return base, repository.commit_files(first, {"train.py": b"LR = 0.4\n"}, "raise LR again\n")


def test_a_branch_that_stayed_gets_the_very_commits(checkout: Checkout, kept: tuple[str, str]) -> None:
    checkout.write("notes.txt", "untracked")
    checkout.write("lib/other.py", "dirty, but none of ours\n")
    applied = apply_kept(Repository.find(checkout.folder), *kept)
    assert (applied.commits, applied.fast_forward, applied.onto_branch) == (2, True, True)
    assert checkout.git("rev-parse", "HEAD").strip() == kept[1]
    assert (checkout.folder / "train.py").read_text() == "LR = 0.4\n"
    assert (checkout.folder / "lib/other.py").read_text() == "dirty, but none of ours\n"


def test_a_branch_that_moved_on_gets_the_same_changes_once(checkout: Checkout, kept: tuple[str, str]) -> None:
    checkout.write("mine.py", "x\n")
    mine = checkout.commit("mine")
    repository = Repository.find(checkout.folder)
    applied = apply_kept(repository, *kept)
    assert (applied.commits, applied.fast_forward) == (2, False)
    assert checkout.git("log", "--format=%s").split("\n")[:3] == ["raise LR again", "raise LR", "mine"]
    assert checkout.git("merge-base", mine, "HEAD").strip() == mine
    assert checkout.git("status", "--porcelain") == ""
    assert apply_kept(Repository.find(checkout.folder), *kept).commits == 0


def test_where_no_branch_is_checked_out_none_has_them(checkout: Checkout, kept: tuple[str, str]) -> None:
    checkout.git("switch", "-q", "--detach")
    assert not apply_kept(Repository.find(checkout.folder), *kept).onto_branch


def test_only_what_is_missing_is_applied(checkout: Checkout, kept: tuple[str, str]) -> None:
    checkout.write("mine.py", "x\n")
    checkout.commit("mine")
    checkout.git("cherry-pick", f"{kept[1]}~1")
    assert apply_kept(Repository.find(checkout.folder), *kept).commits == 1
    assert (checkout.folder / "train.py").read_text() == "LR = 0.4\n"


@pytest.mark.parametrize("staged", [False, True])
def test_a_dirty_file_is_not_overwritten(checkout: Checkout, kept: tuple[str, str], staged: bool) -> None:
    checkout.write("train.py", "LR = 7\n")
    if staged:
        checkout.git("add", "train.py")
    with pytest.raises(RepositoryError, match=r"train\.py has changes that are not committed"):
        apply_kept(Repository.find(checkout.folder), *kept)
    assert (checkout.folder / "train.py").read_text() == "LR = 7\n"
    assert checkout.git("rev-parse", "HEAD").strip() == kept[0]


def test_a_conflict_leaves_no_trace(checkout: Checkout, kept: tuple[str, str]) -> None:
    checkout.write("train.py", "LR = 7\n")
    mine = checkout.commit("mine")
    with pytest.raises(RepositoryError, match=r"touch the same lines of train.py.*git merge"):
        apply_kept(Repository.find(checkout.folder), *kept)
    assert checkout.git("rev-parse", "HEAD").strip() == mine
    assert checkout.git("status", "--porcelain") == ""
