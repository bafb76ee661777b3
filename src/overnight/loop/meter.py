"""What a run says to the judge: a number on the scale on which effects add up, and how noisy it is if that is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from overnight.goal.settings import PREFERENCE, Settings
from overnight.judge.counts import Counts
from overnight.judge.scale import Scale
from overnight.ledger.records import Measured
from overnight.loop.repeats import counts_of, mean


@dataclass(frozen=True)
class Meter:
    """Reads runs: a metric by itself, or the difference between two that were measured side by side."""

    scale: Scale
    is_preference: bool = False

    @classmethod
    def of(cls, settings: Settings, baseline: Sequence[Measured]) -> Meter:
        """The meter of a goal whose baseline gave these runs."""
        if settings.compare is not None and settings.metric == PREFERENCE:
            return cls(Scale(settings.direction, "odds"), is_preference=True)
        values = [value for run in baseline for value in (run.value, run.rival) if value is not None]
        return cls(Scale.of(settings.metric, settings.direction, values))

    def read(self, run: Measured) -> tuple[float, float | None]:
        """The number, and its standard deviation where the run's counts say it. The run must have a metric."""
        assert run.value is not None
        counts = counts_of(run)
        if self.is_preference and counts is not None:
            return counts.log_odds, counts.log_odds_sd
        plain = self.scale.kind == "plain"
        if run.rival is None:
            return self.scale.inner(run.value), counts.sd if counts and plain else None
        rival = Counts(run.rival * run.rival_trials, run.rival_trials) if run.rival_trials else None
        sd = math.hypot(counts.sd, rival.sd) if counts and rival and plain else None
        return self.scale.inner(run.value) - self.scale.inner(run.rival), sd

    def level(self, runs: Sequence[Measured]) -> float:
        """The metric of the one version that these runs are of; where it was compared with itself, both sides count."""
        if self.is_preference:
            return 0.5  # Equals win half each, whatever chance made of it.
        return mean([value for run in runs for value in (run.value, run.rival) if value is not None])
