"""Agents that can be kept from a shell are."""

from __future__ import annotations

import pytest

from tests.agents.conftest import REAL, Nightly
from tests.modelserver.script import Call, Say

_WRITE = "printf 'KNOB = 36\\nprint(\"loss:\", abs(KNOB - 37))\\n' > solve.py"


@pytest.mark.parametrize(("name", "shell"), [("claude", "Bash"), ("gemini", "run_shell_command"), ("opencode", "bash")])
def test_there_is_no_shell(begin: Nightly, name: str, shell: str) -> None:
    steps = [Call(shell, {"command": _WRITE, "description": "write it"}), Say("Done.")]
    night = begin(REAL[name], steps, stop="{experiments: 1}")
    night.run()
    assert [entry["verdict"] for entry in night.log()] == ["baseline", "no_change"], night.agent_logs()
    assert max(asked.results for asked in night.model.asked) == 1, "it was told that there is none"


def test_where_there_is_one_it_works(begin: Nightly) -> None:
    """So that the test above would fail if there were a shell."""
    steps = [Call("bash", {"command": _WRITE}), Say("Done.")]
    night = begin(REAL["mini"], steps, stop="{experiments: 1}")
    night.run()
    assert [entry["verdict"] for entry in night.log()] == ["baseline", "keep"], night.agent_logs()
