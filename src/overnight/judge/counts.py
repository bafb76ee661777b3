"""Rates with their counts, such as 31 of 400: how much they move by chance alone is known from the counts themselves.

A run's rate is binomial around its own true rate, and true rates may move from run to run (beta-binomial). The judge's
regression takes the binomial part as known and learns the rest as overdispersion; it is sequential by nature, so
looking after every run costs nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, xlog1py, xlogy

_LARGEST_TRIALS = 100_000


@dataclass(frozen=True)
class Counts:
    """So many successes in so many trials."""

    successes: float
    trials: float

    @property
    def sd(self) -> float:
        """Standard deviation of the rate by chance alone; Jeffreys' prior keeps 0 of 20 from looking certain."""
        rate = (self.successes + 0.5) / (self.trials + 1)
        return math.sqrt(rate * (1 - rate) / max(self.trials, 1.0))

    @property
    def log_odds(self) -> float:
        """How much stronger the winner is, as Bradley and Terry (1952) count it: this is what adds up over changes."""
        rate = (self.successes + 0.5) / (self.trials + 1)
        return math.log(rate / (1 - rate))

    @property
    def log_odds_sd(self) -> float:
        """Standard deviation of `log_odds` by chance alone."""
        rate = (self.successes + 0.5) / (self.trials + 1)
        return 1 / math.sqrt(max(self.trials, 1.0) * rate * (1 - rate))

    def chance_of_repeats(self, runs: int) -> float:
        """How likely `runs` runs all give the same count by chance, if each trial is drawn afresh."""
        trials = int(min(self.trials, _LARGEST_TRIALS))
        rate = (self.successes + 0.5) / (self.trials + 1)
        # The binomial distribution by hand: `scipy.stats` takes longer to load than all else that a session needs.
        hits = np.arange(trials + 1)
        misses = trials - hits
        log_chances = xlogy(hits, rate) + xlog1py(misses, -rate) - betaln(hits + 1, misses + 1) - math.log(trials + 1)
        return float(np.sum(np.exp(log_chances * runs)))
