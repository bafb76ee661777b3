"""Aider (https://aider.chat/docs)."""

from __future__ import annotations

import re
import shlex

from overnight.ledger.records import Usage
from overnight.propose.agents.agent import Answer, Asking, Needs
from overnight.propose.agents.keys import ANY_PROVIDER

_QUIET = (
    *("--yes-always", "--no-git", "--no-gitignore", "--map-tokens", "0", "--no-stream", "--no-pretty"),
    *("--no-fancy-input", "--no-check-update", "--no-show-release-notes", "--no-show-model-warnings"),
    *("--no-analytics", "--no-detect-urls", "--no-suggest-shell-commands", "--no-auto-lint", "--no-auto-test"),
)
_COUNT = r"[\d.]+[kM]?"
_TOKENS = re.compile(
    rf"^Tokens: (?P<read>{_COUNT}) sent(?:, {_COUNT} cache \w+)*, (?P<written>{_COUNT}) received\."
    r"(?: Cost: \$[\d.]+ message, \$(?P<cost>[\d.]+) session\.)?",
    re.MULTILINE,
)
_READY = re.compile(r"^Added .* to the chat\.$", re.MULTILINE)
_ERROR = re.compile(r"^(?:litellm\.\w+(?:Error|Exception)\b.*|The API provider .*)$", re.MULTILINE)
_ITS_OWN = re.compile(rf"{_TOKENS.pattern}|^Empty response received from LLM\..*$", re.MULTILINE)
_HISTORY = "aider.chat.md"


class Aider:
    """One `aider --message-file`; the model's edits are text, so it can neither run nor fetch anything."""

    name = "aider"
    program = "aider"
    needs = Needs(
        (*ANY_PROVIDER, "AIDER_MODEL"),
        (".aider.conf.yml", ".aider.model.settings.yml", ".env"),
        network=True,
        settings={"COLUMNS": "1000"},  # It breaks its lines at the terminal's width.
    )
    install = "python -m pip install aider-chat"
    login = "set the key of your model's provider, such as ANTHROPIC_API_KEY"
    oldest = "0.86"

    def command(self, asking: Asking) -> str:
        """All that it would write beside the files goes to the temporary folder."""
        words = [self.program, *_QUIET, "--message-file", str(asking.prompt)]
        if asking.model:
            words += ["--model", asking.model]
        if asking.resume:
            words += ["--restore-chat-history"]
        kept = f'--chat-history-file "$TMPDIR"/{_HISTORY} --input-history-file "$TMPDIR"/aider.input'
        return f"{shlex.join(words)} {kept} -- {shlex.join(asking.edit)}"

    def read(self, printed: str) -> Answer:
        """Its words stand between the list of files and the line with the tokens."""
        reports = list(_TOKENS.finditer(printed))
        start = max((found.end() for found in _READY.finditer(printed)), default=0)
        said = printed[start : reports[-1].start() if reports else None]
        errors = _ERROR.findall(printed) if not reports else []
        cost = reports[-1]["cost"] if reports else None
        return Answer(
            _ITS_OWN.sub("", said).strip(),
            Usage(
                cost=float(cost) if cost and cost.count(".") <= 1 and cost != "." else None,
                input_tokens=sum(_many(each["read"]) for each in reports) if reports else None,
                output_tokens=sum(_many(each["written"]) for each in reports) if reports else None,
                turns=len(reports) or None,
                model=_model(printed),
            ),
            conversation=_HISTORY if reports else None,
            complaint="\n".join(errors) or None,
        )


def _many(written: str) -> int:
    """12, 1.2k or 3.4M."""
    factor = {"k": 1e3, "M": 1e6}.get(written[-1], 1.0)
    try:
        return int(float(written.rstrip("kM")) * factor)
    except ValueError:
        return 0


def _model(printed: str) -> str:
    found = re.search(r"^(?:Main model|Model): (\S+) with", printed, re.MULTILINE)
    return found[1] if found else ""
