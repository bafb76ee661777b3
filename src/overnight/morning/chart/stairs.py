"""The line of the best so far: how good each version was when it became the one to beat, and how well that is known."""

from __future__ import annotations

from dataclasses import dataclass, field

from overnight.ledger.history import History
from overnight.ledger.records import Judged

Band = tuple[float, float]
"""The 95 % interval of a step's metric."""


@dataclass
class Stairs:
    """The steps, by the experiments' numbers; the baseline's is the first."""

    numbers: list[int] = field(default_factory=list)
    metrics: list[float] = field(default_factory=list)
    bands: list[Band | None] = field(default_factory=list)
    """None where nobody worked it out."""
    hypotheses: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, history: History) -> Stairs:
        """The steps of a session; none as long as it has no baseline."""
        stairs = cls()
        baseline = newest = history.baseline()
        branch = history.kept()
        on_branch = {judged.number: place for place, judged in enumerate(branch)}
        for judged in [baseline, *sorted(branch, key=lambda each: each.number)]:
            if judged is not None and judged.metric is not None:
                if newest is None or on_branch.get(judged.number, -1) >= on_branch.get(newest.number, -1):
                    newest = judged
                stairs.metrics.append(stairs.standing_on(-1, judged.metric, judged.before))
                stairs.numbers.append(judged.number)
                stairs.hypotheses.append(judged.hypothesis)
                stairs.bands.append(_band(newest, stairs.metrics[-1]))
        return stairs

    def standing_on(self, step: int, metric: float, before: float | None) -> float:
        """Where the line at this step and the change's own effect lead.

        Under noise a verdict may have been turned long after its number, and then compares with what was kept by then.
        """
        return metric if before is None or not self.metrics else self.metrics[step] + metric - before


def _band(newest: Judged, level: float) -> Band | None:
    """How well the newest of the versions on the branch is known that a step's belongs to, around the step.

    What was kept late may have an early number: then the last step's band is still the incumbent's.
    """
    metric, low, high = newest.metric, newest.metric_low, newest.metric_high
    if metric is None or low is None or high is None:
        return None
    return level - max(metric - low, 0.0), level + max(high - metric, 0.0)
