"""A judge of the user's own: numbers in, verdict out, and nothing else.

It is a pure function of what was measured, so that a session that was killed goes on as if it had not been: it is asked
again about the same numbers, and says the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, get_args

Ruling = Literal["keep", "discard", "again"]
"""What a judge of your own may say; `again` asks for another pair of runs."""
MOST_PAIRS = 16
"""Pairs of runs after which an experiment that is still undecided is discarded."""


class CustomJudge(Protocol):
    """Who decides, if not Overnight itself: a function, named as an entry point in the group `overnight.judges`.

    It sees numbers, and nothing of what was changed. The same numbers must always get the same answer.
    """

    def __call__(self, candidate: Sequence[float], incumbent: Sequence[float], /) -> Ruling:
        """What is to become of a candidate that was run as often as there are numbers, at least once.

        The n-th number of each is from runs with the same seed. They are the metric in its own unit, larger being
        better: where the goal says that lower is, they are its negatives.
        """
        ...


def ruling(judge: CustomJudge, candidate: Sequence[float], incumbent: Sequence[float]) -> Ruling:
    """What the judge says. Raises TypeError when that is none of the three words, and whatever the judge raises."""
    said = judge(tuple(candidate), tuple(incumbent))
    if said not in get_args(Ruling):
        raise TypeError(f"it must answer 'keep', 'discard' or 'again', not {said!r:.100}")
    return said
