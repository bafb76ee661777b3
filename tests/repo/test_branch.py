"""The refs that a session owns, and no others."""

from __future__ import annotations

import pytest

from overnight.errors import RepositoryError
from overnight.repo.branch import SessionRefs, kept_message
from overnight.repo.git import Repository
from tests.checkout import Checkout


def test_the_branch_and_the_candidates_are_gits_own(checkout: Checkout) -> None:
    repository = Repository.find(checkout.folder)
    refs = SessionRefs(repository, "2026-01-01")
    assert refs.branch_tip() is None
    head = repository.head()
    commit = repository.commit_files(head, {"train.py": b"LR = 0.2\n"}, "idea")
    refs.set_branch(head)
    refs.remember(1, commit)
    refs.remember(1, commit)  # resuming writes it again
    refs.set_branch(commit)
    assert refs.branch_tip() == refs.remembered(1) == commit
    assert checkout.git("for-each-ref", "--format=%(refname)").split() == [
        "refs/heads/main", "refs/heads/overnight/2026-01-01", "refs/overnight/2026-01-01/1",
    ]  # fmt: skip
    checkout.git("gc", "-q", "--prune=now")
    assert checkout.git("show", f"{commit}:train.py") == "LR = 0.2\n"
    assert not refs.is_checked_out()
    checkout.git("switch", "-q", refs.branch)
    assert refs.is_checked_out()


def test_a_branch_called_overnight_is_in_the_way(checkout: Checkout) -> None:
    checkout.git("branch", "overnight")
    repository = Repository.find(checkout.folder)
    with pytest.raises(RepositoryError, match="is there a branch called just `overnight`"):
        SessionRefs(repository, "s").set_branch(repository.head())


def test_the_message_says_what_it_did() -> None:
    assert kept_message("raise LR", "loss", 1.23456789, 1.0, 7) == "raise LR\n\nloss: 1.23457 -> 1 (experiment 7)\n"
