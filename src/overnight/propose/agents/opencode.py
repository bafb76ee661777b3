"""OpenCode (https://opencode.ai/docs)."""

from __future__ import annotations

import json
import shlex

from overnight.ledger.records import Usage
from overnight.propose.agents.agent import Answer, Asking, Needs
from overnight.propose.agents.keys import ANY_PROVIDER
from overnight.propose.agents.reports import count, inside, number, objects, text, total

_MAY = {"*": "deny"} | dict.fromkeys(("read", "edit", "glob", "grep", "list"), "allow")


class OpenCode:
    """One `opencode run`; its report is one JSON object a line."""

    name = "opencode"
    program = "opencode"
    needs = Needs(
        (*ANY_PROVIDER, "OPENCODE_CONFIG_CONTENT"),
        (".config/opencode", ".local/share/opencode/auth.json"),
        network=True,
        settings={
            "OPENCODE_PERMISSION": json.dumps(_MAY),
            "OPENCODE_DISABLE_AUTOUPDATE": "true",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "true",
        },
    )
    install = "npm install -g opencode-ai"
    login = "run `opencode auth login`, or set the key of your model's provider"
    oldest = "1.18"

    def command(self, asking: Asking) -> str:
        """What it may do is in its settings: read and edit."""
        words = [self.program, "run", "--format", "json"]
        if asking.model:
            words += ["--model", asking.model]
        if asking.resume:
            words += ["--session", asking.resume]
        return shlex.join(words)

    def read(self, printed: str) -> Answer:
        """The text of the last step, and the sums over all steps."""
        said: list[str] = []
        steps, complaint, conversation = [], None, None
        for event in objects(printed):
            part = inside(event, "part")
            conversation = text(event.get("sessionID")) or conversation
            match event.get("type"):
                case "step_start":
                    said = []
                case "text":
                    said.append(text(part.get("text")))
                case "step_finish":
                    steps.append(part)
                case "error":
                    error = inside(event, "error")
                    complaint = text(inside(error, "data").get("message")) or text(error.get("name")) or "it failed"
        return Answer("\n".join(said), _usage(steps), conversation, complaint)


def _usage(steps: list[dict[str, object]]) -> Usage:
    read = []
    for step in steps:
        tokens, cache = inside(step, "tokens"), inside(step, "tokens", "cache")
        read += [count(tokens.get("input")), count(cache.get("read")), count(cache.get("write"))]
    written = [count(inside(step, "tokens").get(kind)) for step in steps for kind in ("output", "reasoning")]
    cost = sum(number(step.get("cost")) or 0.0 for step in steps)
    return Usage(
        cost=cost or None,  # It says 0 where it does not know a price.
        input_tokens=total(read),
        output_tokens=total(written),
        turns=len(steps) or None,
    )
