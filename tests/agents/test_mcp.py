"""The real agents as assistants: each is set up with `overnight mcp`, and what it hands in is measured and judged."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from overnight.loop.state import State
from tests.agents.conftest import REAL, Night, Nightly, Real
from tests.modelserver.script import Asked, Call, Say, Script, Step
from tests.system.conftest import OVERNIGHT, SOLVE

PATCH = "--- a/solve.py\n+++ b/solve.py\n@@ -1,2 +1,2 @@\n-KNOB = 10\n+KNOB = 30\n" + f" {SOLVE.splitlines()[1]}\n"
SERVER = [sys.executable, "-P", *OVERNIGHT[1:], "mcp"]
_NOT_YET = ("is not a function", "No such tool available", "Script running")
PROMPT = "Make the loss small, with the tools of overnight."


@dataclass(frozen=True)
class Assistant:
    """How a user gives an agent the server, and asks it for something."""

    agent: str
    config: dict[str, str]
    """Files below the user's home that hold the server, as @COMMAND, @ARGUMENTS or both in @ALL."""
    command: str
    tool: str
    """What it calls the tools; @NAME is the server's own name."""


ASSISTANTS = [
    Assistant(
        "opencode",
        {
            ".config/opencode/opencode.json": '{"provider": {"openai": {"options": {"baseURL": "@URL/v1"}}}, '
            '"mcp": {"overnight": {"type": "local", "command": @ALL}}}',
        },
        "opencode run --model openai/gpt-5",
        "overnight_@NAME",
    ),
    Assistant(
        "claude",
        {"mcp.json": '{"mcpServers": {"overnight": {"type": "stdio", "command": @COMMAND, "args": @ARGUMENTS}}}'},
        "claude -p --mcp-config ~/mcp.json --allowedTools mcp__overnight",
        "mcp__overnight__@NAME",
    ),
    Assistant(
        "codex",
        {
            ".codex/config.toml": 'openai_base_url = "@URL/v1"\n[mcp_servers.overnight]\ncommand = @COMMAND\n'
            'args = @ARGUMENTS\nenv_vars = ["PYTHONPATH"]\nstartup_timeout_sec = 60\n'
        },
        "codex exec --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox -",
        "mcp__overnight__@NAME",
    ),
    Assistant(
        "gemini",
        {
            ".gemini/settings.json": '{"security": {"auth": {"selectedType": "gemini-api-key"}}, "mcpServers": '
            '{"overnight": {"command": @COMMAND, "args": @ARGUMENTS, "trust": true}}}'
        },
        "gemini --skip-trust --prompt ''",
        "mcp_overnight_@NAME",
    ),
]


@pytest.fixture(params=ASSISTANTS, ids=[each.agent for each in ASSISTANTS])
def assistant(request: pytest.FixtureRequest) -> Assistant:
    chosen = request.param
    assert isinstance(chosen, Assistant)
    return chosen


@pytest.fixture
def evening(begin: Nightly, assistant: Assistant) -> Iterator[Night]:
    """A goal, and an assistant that starts a session and hands a change in, as a script tells it."""

    def call(name: str, **arguments: object) -> Call:
        return Call(assistant.tool.replace("@NAME", name), arguments)

    script: list[Step] = [
        call("start_session", experiments=2),
        call("submit_experiment", hypothesis="30 is nearer to where it belongs", patch=PATCH),
        call("status"),
        Say("One change was kept."),
    ]
    night = begin(_with_server(REAL[assistant.agent], assistant), _patient(script), agent="submitted")
    yield night
    State.of(night.folder).stop_holder()


def _patient(steps: list[Step]) -> Script:
    """Each step again until it could be done: some agents ask their model before the server has started."""

    def script(asked: Asked) -> list[Step]:
        results = asked.turns[-1][-asked.results :] if asked.results else []
        done = sum(not any(words in result for words in _NOT_YET) for result in results)
        return [*(steps[0] for _ in results), steps[min(done, len(steps) - 1)]]

    return script


def _with_server(real: Real, assistant: Assistant) -> Real:
    config = dict(real.config)
    for name, text in assistant.config.items():
        named = text.replace("@COMMAND", json.dumps(SERVER[0])).replace("@ARGUMENTS", json.dumps(SERVER[1:]))
        config[name] = named.replace("@ALL", json.dumps(SERVER))
    return replace(real, config=config)


def test_an_assistant_proposes_and_the_harness_keeps_the_scoreboard(evening: Night, assistant: Assistant) -> None:
    command = assistant.command.replace("~", shlex.quote(evening.env["HOME"]))
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=evening.folder,
        input=PROMPT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env=evening.env,
    )
    heard = evening.model.asked[-1].last_turn if evening.model.asked else ""
    assert done.returncode == 0, done.stdout + done.stderr
    assert not evening.model.problems
    assert "experiment 1: keep, better by 20" in evening.model.asked[-1].text, heard + done.stdout + done.stderr
    (judged,) = [record for record in evening.log() if record["number"]]
    assert (judged["verdict"], judged["metric"], judged["proposer"]) == ("keep", 7, "submitted")
    assert judged["hypothesis"] == "30 is nearer to where it belongs"
    (run,) = [record for record in evening.records("measured") if record["role"] == "candidate"]
    assert run["value"] == 7
    # The assistant is gone, and the session waits for the next one.
    assert State.of(evening.folder).holder() is not None
    assert evening.status()["state"] == "running"
    assert Path(evening.folder / "solve.py").read_text() == SOLVE
