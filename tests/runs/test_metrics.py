"""Which numbers are found in what a program prints, and which are not."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.runs.metrics import numbers_in, read_metric


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("val_bpb: 0.9979", {"val_bpb": 0.9979}),
        ("val_bpb=0.9979", {"val_bpb": 0.9979}),
        ("METRIC val_bpb=0.9979", {"val_bpb": 0.9979}),
        ('{"val_bpb": 0.9979, "steps": 12, "done": true, "name": "x", "none": null}', {"val_bpb": 0.9979, "steps": 12}),
        ("step 10 | loss: 3.2 | lr: 1e-3", {"loss": 3.2, "lr": 0.001}),
        ("loss: 3\nloss: 2\nloss: 1", {"loss": 1}),
        ("accuracy: 31/400", {"accuracy": 0.0775}),
        ("latency: 12.5ms  size=30MB  load: 3%", {"latency": 12.5, "size": 30, "load": 3}),
        ("n: -1_000 m: +.5 k: 5.", {"n": -1000, "m": 0.5, "k": 5}),
        ("eval/loss: 2 top-1: 3", {"eval/loss": 2, "top-1": 3}),
        ("version: 1.2.3 at 10:30 on 2024-01-02 http://host:8080/x", {}),
        ("n: 1,234,567 loss: -1,234.5e2, rate: 1,200/24,000", {"n": 1234567, "loss": -123450, "rate": 0.05}),
        ("loss: 3,14 n: 12,34 m: 0,123 k: 1234,567 v: 1,2,3", {}),
        ("a=1,b=2, c: 3,", {"a": 1, "b": 2, "c": 3}),
        ("loss: \x1b[1;32m0.5\x1b[0m \x1b[1macc\x1b[0m: 3", {"loss": 0.5, "acc": 3}),
        ("nothing here", {}),
        ("", {}),
        ("{not json: 3}", {"json": 3}),
        ("[1, 2]", {}),
    ],
)
def test_what_is_a_number_with_a_name(text: str, numbers: dict[str, float]) -> None:
    assert numbers_in(text) == numbers


def test_nan_and_infinity_are_found_so_that_they_can_be_refused() -> None:
    found = numbers_in("loss: nan\ngain: -inf\n" + '{"x": NaN, "y": Infinity}')
    assert math.isnan(found["loss"])
    assert found["gain"] == -math.inf
    assert math.isnan(found["x"])
    assert read_metric("loss", found) == (None, "`loss` was nan, which is no measurement")
    assert read_metric("gain", found) == (None, "`gain` was -inf, which is no measurement")


def test_a_rate_of_nothing_is_no_number() -> None:
    assert math.isnan(numbers_in("rate: 0/0")["rate"])


def test_a_later_nan_is_not_hidden_by_an_earlier_number() -> None:
    assert read_metric("loss", numbers_in("loss: 1.5\nloss: nan"))[0] is None


def test_silence_says_what_was_printed_instead() -> None:
    assert read_metric("loss", numbers_in("steps: 3 time: 4"))[1] == (
        "`loss` was never printed; it did print steps, time"
    )
    assert "no number with a name" in read_metric("loss", {})[1]


def test_a_metric_may_have_any_signs_in_its_name() -> None:
    assert numbers_in("recall@10(de): 0.5", "recall@10(de)")["recall@10(de)"] == 0.5
    assert numbers_in("größe: 7", "größe")["größe"] == 7


def test_a_name_is_not_part_of_a_longer_one() -> None:
    assert "loss" not in numbers_in("val_loss: 3 loss_ema: 4", "loss")


def test_a_million_names_do_not_fill_the_memory() -> None:
    text = "loss: 1\n" + "\n".join(f"n{index}: {index}" for index in range(20_000))
    found = numbers_in(text, "loss")
    assert found["loss"] == 1
    assert len(found) < 1100


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_python_prints_is_read_exactly(value: float) -> None:
    for line in (f"loss: {value!r}", f"loss={value!r}", f"METRIC loss={value!r}", json.dumps({"loss": value})):
        assert numbers_in(line)["loss"] == value


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    assert all(isinstance(value, float) for value in numbers_in(text, "loss").values())
