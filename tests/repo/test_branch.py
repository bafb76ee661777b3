"""The refs that a session owns, and no others."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from overnight.errors import Trouble
from overnight.repo.branch import KeptCommit, SessionRefs, kept_message
from overnight.repo.git import Repository
from tests.checkout import Checkout


def ours_all(_commit: str) -> bool:
    """Every commit is the session's own."""
    return True


def test_the_branch_and_the_candidates_are_gits_own(checkout: Checkout) -> None:
    repository = Repository.find(checkout.folder)
    refs = SessionRefs(repository, "2026-01-01")
    assert refs.branch_tip() is None
    head = repository.head()
    commit = repository.commit_files(head, {"train.py": b"LR = 0.2\n"}, "idea")
    refs.set_branch(head, ours_all)
    refs.remember(1, commit)
    refs.remember(1, commit)  # resuming writes it again
    refs.set_branch(commit, ours_all)
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
    with pytest.raises(Trouble, match="is there a branch called just `overnight`"):
        SessionRefs(repository, "s").set_branch(repository.head(), ours_all)


def test_the_message_says_what_it_did() -> None:
    assert kept_message("raise LR", "loss", 1.23456789, 1.0, 7) == "raise LR\n\nloss: 1.23457 -> 1 (experiment 7)\n"


@pytest.fixture
def refs(checkout: Checkout) -> SessionRefs:
    """Those of a session that has begun."""
    found = SessionRefs(Repository.find(checkout.folder), "s")
    found.set_branch(found.repository.head(), ours_all)
    return found


def candidate(refs: SessionRefs, text: str = "LR = 0.2\n") -> str:
    """A commit that no ref points at."""
    return refs.repository.commit_files(refs.repository.head(), {"train.py": text.encode()}, "idea")


def test_what_somebody_else_put_on_the_branch_is_set_aside(refs: SessionRefs, checkout: Checkout) -> None:
    checkout.git("switch", "-q", refs.branch)
    checkout.write("mine.txt", "…")
    checkout.commit("mine")
    mine = checkout.git("rev-parse", "HEAD").strip()
    ours = candidate(refs)
    refs.set_branch(ours, ours_all)
    assert refs.branch_tip() == mine, "somebody stands on it"
    checkout.git("switch", "-q", "main")
    refs.set_branch(ours, lambda commit: commit != mine)
    assert refs.branch_tip() == ours
    assert refs.set_aside() == [f"overnight/s-yours-{mine[:7]}"]


def test_it_is_checked_out_in_another_worktree_too(refs: SessionRefs, checkout: Checkout) -> None:
    assert not refs.is_checked_out()
    checkout.git("worktree", "add", "-q", str(checkout.folder.parent / "other"), refs.branch)
    assert refs.is_checked_out()


def test_a_lock_that_a_killed_process_left_is_taken_over(refs: SessionRefs) -> None:
    folder = refs.repository.common_folder
    lock = folder / "refs/overnight/s/1.lock"
    lock.parent.mkdir(parents=True)
    lock.touch()
    refs.remember(1, commit := candidate(refs))
    assert refs.remembered(1) == commit
    lock.touch()
    (folder / "logs/refs/heads/overnight/s.lock").touch()
    half = folder / "objects/tmp_object_git2_abc"
    half.touch()
    refs.clear_temporary_files()
    assert not list(folder.rglob("*.lock"))
    assert half.exists(), "it may be somebody else's"
    os.utime(half, (time.time() - 60,) * 2)
    refs.clear_temporary_files()
    assert not half.exists()


def test_a_ref_that_says_nothing_is_written_anew(refs: SessionRefs) -> None:
    place = refs.repository.common_folder / "refs/overnight/s/1"
    place.parent.mkdir(parents=True)
    place.touch()  # As a loss of power may leave it.
    assert refs.remembered(1) is None
    refs.remember(1, commit := candidate(refs))
    assert refs.remembered(1) == commit


def test_a_candidate_is_secure_only_when_all_of_it_is_there(refs: SessionRefs, checkout: Checkout) -> None:
    commit = candidate(refs)
    blob = checkout.git("rev-parse", f"{commit}:train.py").strip()
    assert refs.secure(commit, 1)
    (refs.repository.common_folder / "objects" / blob[:2] / blob[2:]).unlink()
    assert not refs.secure(commit, 1)
    assert refs.remembered(1) is None
    assert refs.secure(candidate(refs), 1)


def test_the_end_of_a_gc_is_waited_for(refs: SessionRefs, checkout: Checkout) -> None:
    host = subprocess.run(["hostname"], check=True, capture_output=True, text=True).stdout.strip()
    with subprocess.Popen(["sleep", "0.5"]) as gc:
        (refs.repository.common_folder / "gc.pid").write_text(f"{gc.pid} {host}")
        began = time.monotonic()
        while gc.poll() is None:
            refs.wait_for_gc()
    assert time.monotonic() - began >= 0.4
    refs.wait_for_gc()  # It has ended, and left its note.


def test_a_kept_commits_message_can_be_read_again() -> None:
    message = kept_message("raise LR: 0.1 -> 0.2 (experiment 3)", "loss", 1.5, -2e-9, 7)
    read = KeptCommit.read(message)
    assert read == KeptCommit(7, "raise LR: 0.1 -> 0.2 (experiment 3)", 1.5, -2e-9)
    assert KeptCommit.read("Start") is None
