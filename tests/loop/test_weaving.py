"""Experiments woven together from a real ledger and real commits."""

from __future__ import annotations

from overnight.ledger.records import Carried
from overnight.loop.project import Origin
from overnight.loop.weaving import weave_of
from overnight.repo.candidate import Scope
from overnight.repo.git import Repository
from tests.checkout import Checkout
from tests.night import Night


def test_one_that_was_carried_over_to_a_later_keep_is_told_apart_from_it(checkout: Checkout, night: Night) -> None:
    def version(**values: int) -> str:
        lines = (f"{name} = {values.get(name, 0)}\n" for name in "ABC")
        checkout.write("train.py", "# between\n".join(lines))
        return checkout.commit()

    base = version()
    night.propose(1, commit=version(A=1), parent=base)
    third = version(A=1, C=3)
    night.propose(3, commit=third, parent=base, inside=(1,))
    night.propose(2, commit=version(B=2), parent=base)
    carried = version(A=1, B=2, C=3)
    night.history.append(Carried(number=2, parent=third, commit=carried, inside=(1, 3), fingerprint="x"))
    origin = Origin(Repository.find(checkout.folder), base, Scope(("train.py",)))
    weave = weave_of(origin, night.history, [1, 2, 3])
    assert weave.version([1, 2, 3]) == origin.edit_files(carried)
    assert weave.version([2])["train.py"] == b"A = 0\n# between\nB = 2\n# between\nC = 0\n"
    assert not any(weave.requires().values())
