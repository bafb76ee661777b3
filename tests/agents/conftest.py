"""The real coding agents, each pointed at a model of our own."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.modelserver.script import Asked, EditFile, ReadFile, Say, Script, Step, Think
from tests.modelserver.server import ModelServer, serving
from tests.system.conftest import OVERNIGHT, SOLVE, Project

PROGRAMS = Path(__file__).parents[2] / ".agents" / "bin"
"""Where scripts/setup_agents.sh puts them."""
KEY = "sk-test-7b1f90c2d4e8461aa3c5"
KNOBS = {1: 20, 2: 12, 3: 36, 4: 9, 5: 8}
"""What the model tries: better, worse, much better, worse, worse; 37 is best."""
GOAL = f"""---
edit: solve.py
run: {sys.executable} solve.py
metric: loss
budget: 20s
agent: AGENT
ahead: 0
agent_env: [LITELLM_LOCAL_MODEL_COST_MAP]
stop: {{experiments: 3}}
---
Make the loss small.
"""


@dataclass(frozen=True)
class Real:
    """An agent as a user has set it up."""

    name: str
    model: str = ""
    env: dict[str, str] = field(default_factory=dict)
    """@URL stands for where the model is, @KEY for the key."""
    config: dict[str, str] = field(default_factory=dict)
    """Files below the user's home."""
    knows: tuple[str, ...] = ()
    """What of a proposal's use it reports itself."""

    command: str = ""
    """What stands in goal.md instead of its name."""

    @property
    def setting(self) -> str:
        """What stands in goal.md."""
        return self.command or (f"{self.name}:{self.model}" if self.model else self.name)


_OPENAI = {"OPENAI_API_KEY": "@KEY", "OPENAI_BASE_URL": "@URL/v1", "OPENAI_API_BASE": "@URL/v1"}
REAL = {
    real.name: real
    for real in (
        Real(
            "claude",
            env={"ANTHROPIC_API_KEY": "@KEY", "ANTHROPIC_BASE_URL": "@URL"},
            knows=("cost", "input_tokens", "output_tokens", "turns", "model"),
        ),
        Real(
            "codex",
            env={"CODEX_API_KEY": "@KEY"},
            config={".codex/config.toml": 'openai_base_url = "@URL/v1"\n'},
            knows=("input_tokens", "output_tokens"),
        ),
        Real(
            "gemini",
            env={"GEMINI_API_KEY": "@KEY", "GOOGLE_GEMINI_BASE_URL": "@URL"},
            config={
                ".gemini/settings.json": json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}}),
            },
            knows=("input_tokens", "output_tokens", "turns", "model"),
        ),
        Real(
            "opencode",
            "openai/gpt-5",
            env={"OPENAI_API_KEY": "@KEY"},
            config={
                ".config/opencode/opencode.json": json.dumps(
                    {"provider": {"openai": {"options": {"baseURL": "@URL/v1"}}}}
                ),
            },
            knows=("cost", "input_tokens", "output_tokens", "turns", "model"),
        ),
        Real(
            "aider",
            "openai/gpt-5",
            env=_OPENAI,
            knows=("cost", "input_tokens", "output_tokens", "turns", "model"),
        ),
        Real(
            "mini",
            "openai/gpt-5",
            env=_OPENAI,
            knows=("cost", "input_tokens", "output_tokens", "turns", "model"),
        ),
    )
}


def knobs(asked: Asked) -> list[Step]:
    """A model that turns the knob, differently in each experiment."""
    now = re.search(r"^KNOB = \d+$", asked.last_turn, re.MULTILINE)
    if now is None or asked.experiment is None:
        return [Say("There is no brief.")]
    new = KNOBS[asked.experiment]
    return [
        Think("It is a matter of one number."),
        ReadFile("solve.py"),
        EditFile("solve.py", now[0], f"KNOB = {new}"),
        Say(f"Done.\n\nhypothesis: the knob at {new} is nearer to where it belongs"),
    ]


@dataclass(frozen=True)
class Night(Project):
    """A project whose agent is a real one."""

    model: ModelServer
    env: dict[str, str]

    def run(self, *arguments: str, timeout: int = 120) -> str:
        """`overnight run` to its end; what it prints."""
        done = subprocess.run(
            [*OVERNIGHT, "run", "--plain", *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=timeout,
            env=self.env,
        )
        assert done.returncode == 0, done.stdout + self.agent_logs()
        assert not self.model.problems
        return done.stdout

    def agent_logs(self) -> str:
        """The ends of what the agent printed, to be read where a test fails."""
        return "\n".join(log.read_text()[-3000:] for log in sorted(self.folder.glob(".overnight/logs/*/*.agent.log")))

    def records(self, kind: str) -> list[dict[str, Any]]:
        """The ledger's records of one kind."""
        ledger = sqlite3.connect(self.folder / ".overnight" / "ledger.db")
        rows = ledger.execute("SELECT payload FROM events WHERE kind = ? ORDER BY id", (kind,))
        return [json.loads(payload) for (payload,) in rows]


Nightly = Callable[..., Night]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Nightly]:
    """Makes a project in which an agent works, and a model that plays a script to it."""
    with ExitStack() as stack:

        def made(real: Real, script: Script | list[Step] = knobs, **settings: str) -> Night:
            program = PROGRAMS / real.name
            assert program.exists(), f"{program} is missing; `make test-agents` installs it"
            model = stack.enter_context(serving(script))
            home, folder = tmp_path / "home", tmp_path / "project"
            for name, text in real.config.items():
                (home / name).parent.mkdir(parents=True, exist_ok=True)
                (home / name).write_text(text.replace("@URL", model.url))
            env = {name: text.replace("@URL", model.url).replace("@KEY", KEY) for name, text in real.env.items()}
            kept = {name: os.environ[name] for name in ("LANG", "PYTHONPATH", "VIRTUAL_ENV") if name in os.environ}
            path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
            home.mkdir(exist_ok=True)
            folder.mkdir()
            env |= {**kept, "PATH": path, "HOME": str(home), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
            night = Night(folder, model, env)
            night.write("solve.py", SOLVE)
            night.write("goal.md", GOAL.replace("AGENT", real.setting))
            night.set(**settings)
            night.git("init", "-q", "-b", "main")
            night.commit("start")
            return night

        yield made
