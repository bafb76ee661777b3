"""mini-swe-agent (https://mini-swe-agent.com)."""

from __future__ import annotations

import shlex

from overnight.ledger.records import Usage
from overnight.propose.agents.agent import Answer, Asking, Needs
from overnight.propose.agents.keys import ANY_PROVIDER
from overnight.propose.agents.reports import count, inside, last_object, number, text, total

_TASK = r"""{ printf 'run:\n  task: |2\n'; tr -d '\000-\010\013-\037' | sed 's/^/    /'; } > "$TMPDIR/task.yaml" """
"""The brief from standard input as settings in YAML: an argument has a limit."""


class Mini:
    """One `mini`; its report is the whole conversation as JSON. All that it can do is run shell commands."""

    name = "mini"
    program = "mini"
    needs = Needs(
        (*ANY_PROVIDER, "MSWEA_MODEL_NAME", "LITELLM_LOCAL_MODEL_COST_MAP"),
        (".config/mini-swe-agent",),
        network=True,
        settings={
            "MSWEA_CONFIGURED": "true",
            "MSWEA_SILENT_STARTUP": "1",
            "MSWEA_COST_TRACKING": "ignore_errors",
            "MSWEA_MODEL_RETRY_STOP_AFTER_ATTEMPT": "3",
        },
    )
    install = "python -m pip install mini-swe-agent"
    login = "run `mini-extra config setup`, or set MSWEA_MODEL_NAME and the key of your model's provider"
    oldest = "2.4"

    def command(self, asking: Asking) -> str:
        """What it shows goes to standard error, so that the report is alone on standard output."""
        words = [self.program, "--yolo", "--exit-immediately", "--config", "mini.yaml"]
        if asking.model:
            words += ["--model", asking.model]
        run = f'{shlex.join(words)} --config "$TMPDIR/task.yaml" --output "$TMPDIR/mini.json" >&2 < /dev/null'
        return f'{_TASK}&& {run}; code=$?; cat "$TMPDIR/mini.json"; exit $code'

    def read(self, printed: str) -> Answer:
        """The last thing that the model said, and what it submitted."""
        report = last_object(printed)
        if report is None:
            return Answer(printed)
        info, messages = inside(report, "info"), report.get("messages")
        messages = [each for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []
        words = [text(each.get("content")) for each in messages if each.get("role") == "assistant"]
        used = [inside(each, "extra", "response", "usage") for each in messages]
        cost = number(inside(info, "model_stats").get("instance_cost"))
        status = text(info.get("exit_status"))
        return Answer(
            "\n".join(filter(None, (words[-1] if words else "", text(info.get("submission"))))),
            Usage(
                cost=cost or None,  # It says 0 where it does not know a price.
                input_tokens=total(count(each.get("prompt_tokens")) for each in used),
                output_tokens=total(count(each.get("completion_tokens")) for each in used),
                turns=count(inside(info, "model_stats").get("api_calls")),
                model=text(inside(info, "config", "model").get("model_name")),
            ),
            complaint=f"{status}: {text(messages[-1].get('content'))}" if messages and _failed(status) else None,
        )


def _failed(status: str) -> bool:
    return status not in ("", "Submitted", "LimitsExceeded", "RepeatedFormatError")
