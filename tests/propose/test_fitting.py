"""What is left out of a text that must not be too long."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from overnight.propose.fitting import Item, Section, fit
from overnight.propose.usage import tokens_in


def test_all_of_it_where_there_is_room() -> None:
    assert fit([Section("A", [Item("- x", 1), Item("- y", 0)]), Section("B", [])], 1000) == "## A\n\n- x\n- y"


def test_what_tells_least_goes_first_and_that_is_said() -> None:
    sections = [Section("A", [Item("- old " * 20, 1), Item("- new " * 20, 2)]), Section("B", [Item("- dear " * 20, 9)])]
    text = fit(sections, 110)
    assert "old" not in text
    assert "new" in text
    assert "dear" in text
    assert "(1 more are left out here.)" in text
    assert fit(sections, 0) == ""


@given(st.lists(st.tuples(st.text(min_size=1, max_size=400), st.floats(0, 100)), max_size=30), st.integers(20, 2000))
def test_it_is_hardly_ever_longer(items: list[tuple[str, float]], tokens: int) -> None:
    sections = [Section("A", [Item(*item) for item in items]), Section("B", [Item("z" * 100, 50.0)])]
    assert tokens_in(fit(sections, tokens)) <= tokens + 20
