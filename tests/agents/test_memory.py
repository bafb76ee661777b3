"""`agent_memory: session`: the agents that can go on with their conversation do."""

from __future__ import annotations

import pytest

from tests.agents.conftest import REAL, Nightly
from tests.modelserver.script import OUTPUT_TOKENS


@pytest.mark.parametrize("name", ["claude", "codex", "gemini", "opencode", "aider"])
def test_the_second_proposal_remembers_the_first(begin: Nightly, name: str) -> None:
    night = begin(REAL[name], agent_memory="session", stop="{experiments: 2}")
    night.run()

    assert [entry["verdict"] for entry in night.log()] == ["baseline", "keep", "discard"], night.agent_logs()
    second = [asked for asked in night.model.asked if asked.experiment == 2 and len(asked.turns) > 1]
    assert second
    assert all("# Experiment 1" in asked.text for asked in second)
    first, again = night.records("proposed")
    assert first["output_tokens"] == again["output_tokens"] >= OUTPUT_TOKENS, "nothing is counted twice"
    assert (first["cost"] or 0.0) == pytest.approx(again["cost"] or 0.0, rel=0.1)


def test_without_it_each_proposal_begins_anew(begin: Nightly) -> None:
    night = begin(REAL["claude"], stop="{experiments: 2}")
    night.run()
    assert {len(asked.turns) for asked in night.model.asked} == {1}
