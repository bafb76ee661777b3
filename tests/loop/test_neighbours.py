"""What is fair among neighbours, from numbers alone."""

from __future__ import annotations

import pytest

from overnight.ledger.records import Measured
from overnight.loop.neighbours import compare, fair_slots


def runs(*values: float, seconds: tuple[float, ...] = (10.0, 10.1, 9.9), **fields: object) -> list[Measured]:
    return [
        Measured.model_validate(
            {
                "number": 0, "role": "baseline", "commit": "c", "fingerprint": "f", "seed": 1, "outcome": "ok",
                "value": value, "reason": "", "metrics": {}, "exit_code": 0, "output_tail": "", "cpu_seconds": 1.0,
                "peak_mb": 1.0, "wall_seconds": seconds[number % len(seconds)] - 0.5, "scoring_seconds": 0.5, **fields,
            }
        )
        for number, value in enumerate(values)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("beside", "is_slower", "moves"),
    [
        (runs(27, 27, 27, 27), False, False),
        (runs(27, 27, 27, 28), False, True),
        (runs(27, 27, seconds=(10.9, 11.0)), False, False),
        (runs(27, 27, seconds=(11.4, 11.5)), True, False),
        (runs(27, 27, seconds=(9.0, 19.0)), False, False),
        (runs(27, 27, seconds=(5.0, 5.1)), False, False),
        (runs(29, 29, seconds=(30.0, 31.0)), True, True),
    ],
)
def test_an_exact_metric_must_stay_the_same_and_a_run_nearly_as_short(
    beside: list[Measured], is_slower: bool, moves: bool
) -> None:
    alone = runs(27, 27, 27)
    found = compare(alone, alone, beside)
    assert (found.is_slower, found.moves, found.is_fair) == (is_slower, moves, not (is_slower or moves))
    assert found.slots == len(beside)


@pytest.mark.parametrize(
    ("beside", "moves"),
    [((27.3, 26.6), False), ((27.8, 26.3, 27.2), False), ((29.6, 29.9), True), ((24.1, 24.4), True)],
)
def test_a_noisy_metric_may_move_as_it_does_by_itself(beside: tuple[float, ...], moves: bool) -> None:
    alone = runs(27.0, 27.5, 26.5)
    found = compare(alone, alone, runs(*beside))
    assert found.moves == moves
    assert found.shift == pytest.approx(sum(beside) / len(beside) - 27.0)


def test_one_run_by_itself_is_judged_by_the_noise_of_the_others() -> None:
    repeats = runs(27.0, 27.5, 26.5)
    assert not compare(repeats, runs(20.2), runs(19.9, 20.4)).moves
    assert compare(repeats, runs(20.2), runs(27.1, 26.9)).moves


def test_of_a_comparison_the_difference_counts() -> None:
    alone = [*runs(27.0, rival=26.0), *runs(50.0, rival=49.0), *runs(11.0, rival=10.0)]
    assert not compare(alone, alone, [*runs(90.0, rival=89.0), *runs(70.0, rival=69.0)]).moves
    assert compare(alone, alone, [*runs(90.0, rival=88.0), *runs(70.0, rival=69.0)]).moves


def test_one_that_fails_is_not_fair() -> None:
    alone = runs(27, 27, 27)
    failed = [*runs(27), *runs(0.0, outcome="crash", value=None, reason="it stopped", output_tail="a\nport taken")]
    found = compare(alone, alone, failed)
    assert (found.failure, found.is_fair) == ("it stopped: port taken", False)
    assert fair_slots([found]) == fair_slots([]) == 1
    assert fair_slots([found, compare(alone, alone, runs(27, 27))]) == 2
