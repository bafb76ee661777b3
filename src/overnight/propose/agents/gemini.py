"""Gemini CLI, by Google (https://geminicli.com/docs)."""

from __future__ import annotations

import shlex

from overnight.ledger.records import Usage
from overnight.propose.agents.agent import Answer, Asking, Needs
from overnight.propose.agents.reports import count, inside, last_object, text, total

_SETTINGS = ("settings.json", "oauth_creds.json", "google_accounts.json", "installation_id", "GEMINI.md", ".env")


class Gemini:
    """One `gemini -p`; its report is one JSON object, also where it failed, but then on standard error."""

    name = "gemini"
    program = "gemini"
    needs = Needs(
        (
            *("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GEMINI_MODEL"),
            *("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "GOOGLE_GENAI_USE_VERTEXAI"),
        ),
        tuple(f".gemini/{name}" for name in _SETTINGS),
        network=True,
        settings={"NO_COLOR": "1"},
    )
    install = "npm install -g @google/gemini-cli"
    login = "run `gemini` once and log in, or set GEMINI_API_KEY and choose the API key in its settings"
    oldest = "0.61"

    def command(self, asking: Asking) -> str:
        """Edits are accepted; what asks before it is done (a shell, fetching pages) is refused as nobody is there."""
        words = [self.program, "--output-format", "json", "--approval-mode", "auto_edit", "--skip-trust"]
        if asking.model:
            words += ["--model", asking.model]
        if asking.resume:
            words += ["--resume", asking.resume]
        return shlex.join([*words, "--prompt", ""])  # What comes on standard input is put before it.

    def read(self, printed: str) -> Answer:
        """The response, and the usage of all models together: a small one may have chosen the large one."""
        report = last_object(printed)
        if report is None:
            return Answer(printed)
        models = inside(report, "stats", "models")
        used = [each for each in models.values() if isinstance(each, dict)]
        written = [count(inside(each, "tokens").get(kind)) for each in used for kind in ("candidates", "thoughts")]
        return Answer(
            text(report.get("response")),
            Usage(
                input_tokens=total(count(inside(each, "tokens").get("prompt")) for each in used),
                output_tokens=total(written),
                turns=total(count(inside(each, "api").get("totalRequests")) for each in used),
                model=", ".join(models),
            ),
            conversation=text(report.get("session_id")) or None,
            complaint=text(inside(report, "error").get("message")) or None,
        )
