"""Which agent a command starts, and what that one gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from overnight.propose.agents import AGENTS
from overnight.propose.agents.agent import Agent
from overnight.propose.agents.needs import copy_config, needs_of


@pytest.mark.parametrize(
    "command",
    [
        "claude -p --model opus",
        "ANTHROPIC_API_KEY=x claude -p",
        "cd . && env A=1 npx claude",
        "/opt/bin/claude",
        "cat x | claude",
    ],
)
def test_known_by_the_name_of_its_program(command: str) -> None:
    assert "ANTHROPIC_API_KEY" in needs_of(command).env
    assert needs_of(command).network


@pytest.mark.parametrize(
    "command", ["python agent.py --model mini", "my-agent --size=mini", "./agent.sh ~/notes/claude", "'"]
)
def test_a_word_that_is_no_program_gives_nothing(command: str) -> None:
    assert needs_of(command).env == ()
    assert not needs_of(command).network


@pytest.mark.parametrize("agent", AGENTS.values(), ids=list(AGENTS))
def test_a_command_gets_what_the_agent_of_its_program_needs(agent: Agent) -> None:
    assert needs_of(f"{agent.program} --do-it < brief") is agent.needs


def test_its_settings_are_copied_and_not_its_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    for name, text in ((".claude/settings.json", "{}"), (".claude/projects/a/log.jsonl", "x"), (".claude.json", "{}")):
        (tmp_path / "user" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "user" / name).write_text(text)
    copy_config(needs_of("claude"), tmp_path / "guest")
    found = {
        path.relative_to(tmp_path / "guest").as_posix() for path in (tmp_path / "guest").rglob("*") if path.is_file()
    }
    assert found == {".claude/settings.json", ".claude.json"}
