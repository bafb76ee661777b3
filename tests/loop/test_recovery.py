"""Git made to agree with the ledger when a session is taken up."""

from __future__ import annotations

from overnight.ledger.records import Carried
from overnight.loop.recovery import agree
from overnight.repo.branch import SessionRefs
from overnight.repo.git import Repository
from tests.checkout import Checkout
from tests.night import Night


def test_a_candidate_that_was_carried_over_stays_what_it_is_now(night: Night, checkout: Checkout) -> None:
    repository = Repository.find(checkout.folder)
    refs = SessionRefs(repository, "s")
    base = repository.head()
    first, carried = (repository.commit_files(base, {"train.py": text}, "try") for text in (b"LR = 1\n", b"LR = 2\n"))
    night.judge(0, "baseline", metric=1.0, commit=base)
    night.propose(1, parent=base, commit=first)
    night.history.append(Carried(number=1, parent=base, commit=carried, inside=(), fingerprint="print"))
    for _ in range(2):
        agree(night.history, refs)
        assert refs.remembered(1) == carried
        night.discard(1, 2.0)
