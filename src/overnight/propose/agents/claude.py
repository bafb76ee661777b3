"""Claude Code, by Anthropic (https://code.claude.com/docs/en/headless)."""

from __future__ import annotations

import shlex

from overnight.ledger.records import Usage
from overnight.propose.agents.agent import Answer, Asking, Needs
from overnight.propose.agents.reports import count, inside, last_object, number, text, total


class Claude:
    """One `claude -p`; its result is one JSON object."""

    name = "claude"
    program = "claude"
    needs = Needs(
        (
            *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "ANTHROPIC_MODEL"),
            *("CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX"),
        ),
        (".claude", ".claude.json"),
        network=True,
        settings={
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_MAX_RETRIES": "2",  # Who waits for a model that is not to be had is the session.
        },
    )
    install = "npm install -g @anthropic-ai/claude-code"
    login = "run `claude` once and log in, or set ANTHROPIC_API_KEY"
    oldest = "2.1"

    def command(self, asking: Asking) -> str:
        """Edits are accepted without a question, and it has tools for reading and editing only."""
        words = [self.program, "-p", "--output-format", "json", "--permission-mode", "acceptEdits"]
        words += ["--tools", "Read,Edit,Write,Glob,Grep", "--strict-mcp-config"]
        if asking.model:
            words += ["--model", asking.model]
        if asking.resume:
            words += ["--resume", asking.resume]
        return shlex.join(words)

    def read(self, printed: str) -> Answer:
        """From the object of type `result`."""
        result = last_object(printed, type="result")
        if result is None:
            return Answer(printed)
        said, used, models = text(result.get("result")), inside(result, "usage"), inside(result, "modelUsage")
        return Answer(
            said,
            Usage(
                cost=number(result.get("total_cost_usd")),
                input_tokens=total(count(used.get(key)) for key in _READ),
                output_tokens=count(used.get("output_tokens")),
                turns=count(result.get("num_turns")),
                model=", ".join(models),
            ),
            conversation=text(result.get("session_id")) or None,
            complaint=said or text(result.get("subtype")) or "it failed" if result.get("is_error") else None,
        )


_READ = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
