"""What tokens cost, by the published prices."""

from __future__ import annotations

import pytest

from overnight.ledger.records import Usage
from overnight.propose.usage import priced


@pytest.mark.parametrize(
    "model", ["gpt-4o", "openai/gpt-4o", "openrouter/openai/gpt-4o", "somewhere/gpt-4o", "gpt-4o-2024-11-20"]
)
def test_a_known_model_has_a_price_however_it_is_named(model: str) -> None:
    found = priced(Usage(input_tokens=1_000_000, output_tokens=100_000, model=model))
    assert found.cost == pytest.approx(2.5 + 1.0)
    assert found.estimated


@pytest.mark.parametrize("model", ["", "llama3:8b", "nobody/knows-it"])
def test_an_unknown_one_keeps_its_tokens_and_has_no_price(model: str) -> None:
    used = Usage(input_tokens=1000, output_tokens=100, model=model)
    assert priced(used) == used


def test_what_was_reported_is_not_worked_out_again() -> None:
    used = Usage(input_tokens=1000, output_tokens=100, model="gpt-4o", cost=7.0)
    assert priced(used) == used
    assert priced(Usage(model="gpt-4o")).cost is None
