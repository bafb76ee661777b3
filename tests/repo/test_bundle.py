"""Commits on their way to another machine: only what is lacking travels, and the user's repository is only read."""

from __future__ import annotations

from pathlib import Path

import pytest

from overnight.errors import Trouble
from overnight.repo.bundle import Sender, Store
from overnight.repo.git import Repository
from tests.checkout import Checkout


def test_a_parcel_is_taken_in_and_checked_out(checkout: Checkout, tmp_path: Path) -> None:
    repository = Repository.find(checkout.folder)
    before = checkout.git("for-each-ref") + checkout.git("status", "--porcelain")
    store, base = Store(tmp_path / "store"), repository.head()
    assert store.known() == ()
    store.receive(Sender(repository, tmp_path / "sender").pack(base, ()))
    assert store.known() == (base,)
    store.check_out(base, tmp_path / "away")
    there = Repository.find(tmp_path / "away")
    assert there.head() == base
    assert there.tracked(base) == repository.tracked(base)
    assert (tmp_path / "away" / "lib" / "deep" / "util.py").read_text() == "A = 1\n"
    assert checkout.git("for-each-ref") + checkout.git("status", "--porcelain") == before


def test_only_what_is_lacking_travels(checkout: Checkout, tmp_path: Path) -> None:
    checkout.write("large.txt", "".join(f"{number * 7919 % 1_000_003}\n" for number in range(100_000)))
    checkout.commit()
    repository = Repository.find(checkout.folder)
    base = repository.head()
    kept = repository.commit_files(base, {"train.py": b"LR = 0.2\n"}, "kept")
    candidate = repository.commit_files(kept, {"train.py": b"LR = 0.3\n"}, "try")
    sender, store = Sender(repository, tmp_path / "sender"), Store(tmp_path / "store")
    whole = sender.pack(base, ())
    small = sender.pack(candidate, {base})
    assert len(small.bundle) < 2000 < len(whole.bundle)
    assert sender.pack(candidate, {base, kept}).after == kept
    with pytest.raises(Trouble, match="cannot be taken in"):
        store.receive(small)
    store.receive(whole)
    store.check_out(base, tmp_path / "away")
    there = Repository.find(tmp_path / "away")
    assert not there.has(candidate)
    store.receive(small)
    # The checkout that was there before sees what came since.
    assert there.read(candidate, "train.py") == b"LR = 0.3\n"
    assert there.has(kept)


def test_a_shallow_clone_has_no_more_to_give_than_it_has(checkout: Checkout, tmp_path: Path) -> None:
    checkout.write("train.py", "LR = 0.2\n")
    checkout.commit()
    checkout.git("clone", "-q", "--depth", "1", checkout.folder.as_uri(), str(tmp_path / "shallow"))
    repository = Repository.find(tmp_path / "shallow")
    candidate = repository.commit_files(repository.head(), {"train.py": b"LR = 0.3\n"}, "try")
    sender, store = Sender(repository, tmp_path / "sender"), Store(tmp_path / "store")
    store.receive(sender.pack(repository.head(), ()))
    store.check_out(repository.head(), tmp_path / "away")
    store.receive(sender.pack(candidate, store.known()))
    there = Repository.find(tmp_path / "away")
    assert there.read(candidate, "train.py") == b"LR = 0.3\n"
