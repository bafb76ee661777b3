"""Where a report's diffs come from, and what is left when git has lost something."""

from __future__ import annotations

from pathlib import Path

from overnight.ledger.records import Judged, Proposed
from overnight.loop.patches import candidate_patch, kept_patches
from overnight.repo.git import Repository
from tests.checkout import Checkout
from tests.night import sha


def kept(commit: str | None) -> Judged:
    return Judged(number=1, verdict="keep", reason="", commit=commit)


def test_a_kept_change_is_its_commit_against_the_one_before(checkout: Checkout) -> None:
    start = checkout.git("rev-parse", "HEAD").strip()
    checkout.write("train.py", "LR = 0.2\n")
    change = checkout.commit("change")
    patch_of = kept_patches(checkout.folder)
    assert "-LR = 0.1\n+LR = 0.2\n" in patch_of(kept(change))
    assert patch_of(kept(start)) == patch_of(kept(sha(7))) == patch_of(kept(None)) == ""


def test_what_git_has_lost_is_no_patch(checkout: Checkout, tmp_path: Path) -> None:
    start = checkout.git("rev-parse", "HEAD").strip()
    checkout.write("train.py", "LR = 0.2\n")
    change = checkout.commit("change")
    proposed = Proposed(number=1, hypothesis="", proposer="search", parent=start, commit=change)
    repository = Repository.find(checkout.folder)
    assert "+LR = 0.2" in (candidate_patch(repository, proposed) or "")
    blob = checkout.git("rev-parse", f"{change}:train.py").strip()
    (checkout.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert kept_patches(checkout.folder)(kept(change)) == ""
    assert kept_patches(tmp_path)(kept(change)) == ""
    assert candidate_patch(Repository.find(checkout.folder), proposed) is None
    assert candidate_patch(repository, proposed.model_copy(update={"parent": sha(7)})) is None
