"""Where a report's diffs come from, and what is left when git has lost something."""

from __future__ import annotations

from pathlib import Path

from overnight.cli.reporting import kept_patches
from overnight.ledger.records import Judged
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
    checkout.write("train.py", "LR = 0.2\n")
    change = checkout.commit("change")
    blob = checkout.git("rev-parse", f"{change}:train.py").strip()
    (checkout.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert kept_patches(checkout.folder)(kept(change)) == ""
    assert kept_patches(tmp_path)(kept(change)) == ""
