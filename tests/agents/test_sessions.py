"""A session with each of the real coding agents, from goal.md to the ledger, in the sandbox."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.agents.conftest import KEY, KNOBS, REAL, Nightly, Real
from tests.modelserver.script import INPUT_TOKENS, OUTPUT_TOKENS


@pytest.mark.parametrize("real", REAL.values(), ids=list(REAL))
def test_three_experiments(begin: Nightly, real: Real) -> None:
    night = begin(real)
    head = night.git("rev-parse", "HEAD")
    night.run()

    tried = [KNOBS[number] for number in (1, 2, 3)]
    log = [entry for entry in night.log() if entry["number"] > 0]
    assert [entry["verdict"] for entry in log] == ["keep", "discard", "keep"], night.agent_logs()
    assert [entry["metric"] for entry in log] == [abs(knob - 37) for knob in tried]
    assert [entry["hypothesis"] for entry in log] == [
        f"the knob at {knob} is nearer to where it belongs" for knob in tried
    ]

    for proposed in night.records("proposed"):
        known = {name for name in ("cost", "input_tokens", "output_tokens", "turns", "model") if proposed.get(name)}
        assert set(real.knows) <= known, proposed
        assert proposed["input_tokens"] >= INPUT_TOKENS
        assert proposed["output_tokens"] >= OUTPUT_TOKENS
        assert not proposed["estimated"] or "cost" not in real.knows
    assert not night.records("troubled")

    assert {asked.key for asked in night.model.asked} == {KEY}
    assert not [
        place
        for place in (night.folder / ".overnight").rglob("*")
        if place.is_file() and KEY.encode() in place.read_bytes()
    ]
    assert night.git("status", "--porcelain", "--ignored").split() == ["!!", ".overnight/"]
    assert night.git("rev-parse", "HEAD") == head
    assert sorted(place.name for place in night.folder.iterdir()) == [".git", ".overnight", "goal.md", "solve.py"]


@pytest.mark.parametrize("name", ["claude", "gemini", "opencode", "aider", "mini"])
def test_without_a_sandbox(begin: Nightly, name: str) -> None:
    """Codex is not among them: its own sandbox refuses a home folder that lies in /tmp."""
    night = begin(REAL[name], stop="{experiments: 1}")
    night.run("--no-sandbox")
    assert [entry["verdict"] for entry in night.log()] == ["baseline", "keep"], night.agent_logs()
    assert night.git("status", "--porcelain", "--ignored").split() == ["!!", ".overnight/"]


def test_a_command_that_a_user_wrote_gets_what_its_program_needs(begin: Nightly) -> None:
    real = replace(REAL["claude"], command="claude -p --permission-mode acceptEdits")
    night = begin(real, stop="{experiments: 1}")
    night.run()
    assert [entry["verdict"] for entry in night.log()] == ["baseline", "keep"], night.agent_logs()
    assert {asked.key for asked in night.model.asked} == {KEY}
