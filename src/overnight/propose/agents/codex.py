"""Codex, by OpenAI (https://developers.openai.com/codex)."""

from __future__ import annotations

import shlex

from overnight.ledger.records import NOTHING_USED, Usage
from overnight.propose.agents.agent import Answer, Asking, Needs
from overnight.propose.agents.reports import count, objects, text


class Codex:
    """One `codex exec`; its report is one JSON object a line."""

    name = "codex"
    program = "codex"
    needs = Needs(
        ("OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEX_API_KEY"),
        (".codex/auth.json", ".codex/config.toml", ".codex/AGENTS.md"),
        network=True,
    )
    install = "npm install -g @openai/codex"
    login = "run `codex login`, or set CODEX_API_KEY"
    oldest = "0.169"

    def command(self, asking: Asking) -> str:
        """Its only way to read is a shell, so it keeps that.

        Its own sandbox does not work inside another one, and is off where ours is.
        """
        words = [self.program, "exec", "--json", "--skip-git-repo-check"]
        words += ["-c", 'web_search="disabled"', "-c", "check_for_update_on_startup=false"]
        if asking.confined:
            words += ["--dangerously-bypass-approvals-and-sandbox"]
        else:
            words += ["--sandbox", "workspace-write"]
        if asking.model:
            words += ["--model", asking.model]
        if asking.resume:
            words += ["resume", asking.resume]
        return shlex.join([*words, "-"])

    def read(self, printed: str) -> Answer:
        """The last message, and the usage at the end of the turn."""
        said, complaint, conversation, usage = "", None, None, NOTHING_USED
        for event in objects(printed):
            item = event.get("item")
            match event.get("type"):
                case "thread.started":
                    conversation = text(event.get("thread_id")) or None
                case "item.completed" if isinstance(item, dict) and item.get("type") == "agent_message":
                    said = text(item.get("text"))
                case "turn.completed":
                    used = event.get("usage")
                    if isinstance(used, dict):
                        read, written = count(used.get("input_tokens")), count(used.get("output_tokens"))
                        usage = Usage(input_tokens=read, output_tokens=written)
                case "turn.failed":
                    error = event.get("error")
                    complaint = (text(error.get("message")) if isinstance(error, dict) else "") or "the turn failed"
        return Answer(said, usage, conversation, complaint, adds_up=True)
