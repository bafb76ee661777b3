"""Seeds and means."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from overnight.ledger.records import Measured
from overnight.loop.repeats import mean_metrics
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
