"""Seeds and means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.ledger.records import Measured
from overnight.loop.repeats import interval_of, mean_metrics
from overnight.loop.seeds import SEEDS_WANTED, seeds_for


@given(st.integers(0, 2**40), st.integers(-100, 10_000))
def test_seeds_are_fixed_distinct_and_fit_numpy(session: int, number: int) -> None:
    seeds = seeds_for(session, number)
    assert seeds == seeds_for(session, number)
    assert len(set(seeds)) == len(seeds) == SEEDS_WANTED
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_no_two_experiments_share_a_seed() -> None:
    seeds = [seed for number in range(-5, 200) for seed in seeds_for(0, number)]
    assert len(set(seeds)) == len(seeds)


def run(role: str, **metrics: float) -> Measured:
    return Measured.model_validate(
        {"number": 1, "role": role, "commit": "", "fingerprint": "", "seed": 0, "outcome": "ok", "metrics": metrics}
    )


def test_guards_look_at_the_candidates_means_and_not_at_the_incumbents() -> None:
    runs = [run("candidate", loss=1.0, peak_mb=10), run("incumbent", loss=100.0), run("candidate", loss=3.0)]
    assert mean_metrics(runs) == {"loss": 2.0, "peak_mb": 10}


def test_the_baselines_interval_is_as_wide_as_its_runs_or_their_counts_say() -> None:
    def runs(*values: float, trials: float | None = None) -> list[Measured]:
        return [run("baseline").model_copy(update={"value": value, "trials": trials}) for value in values]

    assert interval_of(runs(2.0, 2.0, 2.0)) == (2.0, 2.0)
    low, high = interval_of(runs(1.0, 2.0, 3.0))
    assert (low + high) / 2 == 2.0
    assert (high - low) / 2 == pytest.approx(4.303 / 3**0.5, rel=1e-3)
    low, high = interval_of(runs(0.5, 0.5, 0.5, trials=10.0))
    assert (low < 0.4, high > 0.6) == (True, True), "three times five of ten is chance"
