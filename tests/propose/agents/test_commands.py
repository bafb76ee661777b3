"""How each agent is started."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from overnight.errors import OvernightError
from overnight.propose.agents import AGENTS, check_agent, named
from overnight.propose.agents.agent import Agent, Asking

_ALL = pytest.mark.parametrize("agent", AGENTS.values(), ids=list(AGENTS))


def _asking(**given: object) -> Asking:
    return Asking(Path("/logs/brief of mine.md"), ["a b.py", "c.py"], **given)  # type: ignore[arg-type]


@_ALL
def test_the_model_is_the_one_that_was_asked_for(agent: Agent) -> None:
    words = shlex.split(agent.command(_asking(model="some/model")))
    assert words[words.index("--model") + 1] == "some/model"
    assert "--model" not in shlex.split(agent.command(_asking()))


@_ALL
@pytest.mark.parametrize("model", ["$(touch pwned)", "a;b", "it's"])
def test_a_model_is_one_word_whatever_is_in_it(agent: Agent, model: str) -> None:
    assert model in shlex.split(agent.command(_asking(model=model)))


@_ALL
def test_the_command_can_be_read_by_a_shell(agent: Agent) -> None:
    for resume in (None, "0191-abc"):
        command = agent.command(_asking(model="m", resume=resume))
        assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0


@pytest.mark.parametrize("name", ["claude", "codex", "gemini", "opencode"])
def test_a_conversation_is_gone_on_with_by_its_name(name: str) -> None:
    assert "0191-abc" in shlex.split(AGENTS[name].command(_asking(resume="0191-abc")))


def test_claude_has_tools_for_files_and_no_others() -> None:
    words = shlex.split(AGENTS["claude"].command(_asking()))
    assert words[words.index("--tools") + 1] == "Read,Edit,Write,Glob,Grep"
    assert words[words.index("--permission-mode") + 1] == "acceptEdits"


def test_codex_has_a_sandbox_of_its_own_only_where_ours_is_not() -> None:
    codex = AGENTS["codex"]
    assert "--sandbox workspace-write" in codex.command(_asking(confined=False))
    assert "--dangerously-bypass-approvals-and-sandbox" not in codex.command(_asking(confined=False))
    assert "--dangerously-bypass-approvals-and-sandbox" in codex.command(_asking(confined=True))


def test_opencode_may_read_and_edit_and_nothing_else() -> None:
    settings = AGENTS["opencode"].needs.settings["OPENCODE_PERMISSION"]
    assert '"*": "deny"' in settings
    assert '"bash"' not in settings


def test_aider_is_told_the_files_and_leaves_nothing_beside_them() -> None:
    command = AGENTS["aider"].command(_asking())
    words = shlex.split(command)
    assert words[words.index("--") + 1 :] == ["a b.py", "c.py"]
    assert words[words.index("--message-file") + 1] == "/logs/brief of mine.md"
    assert "--no-git" in words
    assert '--chat-history-file "$TMPDIR"/' in command
    assert "--restore-chat-history" in AGENTS["aider"].command(_asking(resume="x"))


def test_goose_is_asked_as_its_documentation_says() -> None:
    assert AGENTS["goose"].command(_asking(model="m")) == (
        "goose run --quiet --no-session --with-builtin developer --model m --instructions -"
    )
    assert AGENTS["goose"].needs.settings["GOOSE_MODE"] == "auto"


def test_mini_gets_the_brief_as_settings_whatever_is_in_it(tmp_path: Path) -> None:
    """A stand-in for `mini` shows what it was given."""
    fake = tmp_path / "mini"
    fake.write_text('#!/bin/sh\ncat "$TMPDIR/task.yaml" > "$TMPDIR/mini.json"\nexit 3\n')
    fake.chmod(0o755)
    done = subprocess.run(
        AGENTS["mini"].command(_asking()),
        shell=True,
        input="# Experiment 1\n\n  'quoted': {{x}} \x07\n\ttab\n" + "long\n" * 50_000,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "TMPDIR": str(tmp_path)},
    )
    assert done.returncode == 3
    head = "run:\n  task: |2\n    # Experiment 1\n    \n      'quoted': {{x}} \n    \ttab\n    long\n"
    assert done.stdout.startswith(head)
    assert done.stdout.count("    long\n") == 50_000


@pytest.mark.parametrize(
    ("who", "name", "model"),
    [
        ("claude", "claude", None),
        ("claude:opus", "claude", "opus"),
        ("opencode:openai/gpt-5", "opencode", "openai/gpt-5"),
    ],
)
def test_an_agent_is_named_with_or_without_a_model(who: str, name: str, model: str | None) -> None:
    assert named(who) == (AGENTS[name], model)


@pytest.mark.parametrize("who", ["claude:", "claude -p", "emacs", "./claude", ""])
def test_what_is_no_name_of_an_agent(who: str) -> None:
    assert named(who) is None


def test_one_that_is_not_installed_says_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OvernightError, match="npm install -g @openai/codex"):
        check_agent(AGENTS["codex"])


@pytest.mark.parametrize(("version", "is_old"), [("0.44.0", True), ("0.169.0", False), ("1.0.2", False), ("?", False)])
def test_one_that_is_too_old_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, is_old: bool
) -> None:
    (tmp_path / "codex").write_text(f"#!/bin/sh\necho codex-cli {version}\n")
    (tmp_path / "codex").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    if is_old:
        with pytest.raises(OvernightError, match=r"0\.44\.0.*update it"):
            check_agent(AGENTS["codex"])
    else:
        check_agent(AGENTS["codex"])
