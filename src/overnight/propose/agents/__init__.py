"""The coding agents that are known by name."""

from __future__ import annotations

import re
import shutil
import subprocess

from overnight.errors import OvernightError
from overnight.propose.agents.agent import Agent
from overnight.propose.agents.aider import Aider
from overnight.propose.agents.claude import Claude
from overnight.propose.agents.codex import Codex
from overnight.propose.agents.gemini import Gemini
from overnight.propose.agents.goose import Goose
from overnight.propose.agents.mini import Mini
from overnight.propose.agents.opencode import OpenCode

_ALL: tuple[Agent, ...] = (Claude(), Codex(), Gemini(), OpenCode(), Aider(), Goose(), Mini())
AGENTS = {agent.name: agent for agent in _ALL}


def named(who: str) -> tuple[Agent, str | None] | None:
    """The agent that `claude` or `claude:MODEL` names, and the model; None where it is none that is known."""
    name, _, model = who.partition(":")
    agent = AGENTS.get(name)
    return (agent, model or None) if agent is not None and (model or ":" not in who) else None


def check_agent(agent: Agent) -> None:
    """Raise OvernightError unless the agent is installed, in a version that is known to work."""
    if shutil.which(agent.program) is None:
        raise OvernightError(
            f"the agent {agent.name!r} needs the program {agent.program!r}, which was not found; install it "
            f"(`{agent.install}`), or set `agent:` to another or to `search` (built in, needs no model)"
        )
    version = version_of(agent)
    if version and agent.oldest and _parts(version) < _parts(agent.oldest):
        raise OvernightError(
            f"the agent {agent.name!r} is of version {version}, and Overnight knows how to use {agent.oldest} and "
            f"newer; update it (`{agent.install}`)"
        )


def version_of(agent: Agent) -> str:
    """Its version as `--version` prints it; "" where that cannot be read."""
    try:
        asked = subprocess.run(
            [agent.program, "--version"],
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"\d+(?:\.\d+)+", asked.stdout + asked.stderr)
    return found[0] if found else ""


def _parts(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
