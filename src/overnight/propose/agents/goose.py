"""goose, by Block (https://block.github.io/goose)."""

from __future__ import annotations

import shlex

from overnight.propose.agents.agent import Answer, Asking, Needs
from overnight.propose.agents.keys import ANY_PROVIDER
from overnight.propose.complaints import complaint_in


class Goose:
    """One `goose run`, from its documentation; it has not been tried. In quiet mode it prints its words alone."""

    name = "goose"
    program = "goose"
    needs = Needs(
        (*ANY_PROVIDER, "GOOSE_PROVIDER", "GOOSE_MODEL", "OPENAI_HOST", "ANTHROPIC_HOST"),
        (".config/goose",),
        network=True,
        settings={"GOOSE_MODE": "auto", "GOOSE_DISABLE_KEYRING": "1"},
    )
    install = "see https://block.github.io/goose/docs/getting-started/installation"
    login = "run `goose configure`, or set GOOSE_PROVIDER, GOOSE_MODEL and the key of that provider"
    oldest = ""

    def command(self, asking: Asking) -> str:
        """The brief comes on standard input."""
        words = [self.program, "run", "--quiet", "--no-session", "--with-builtin", "developer"]
        if asking.model:
            words += ["--model", asking.model]
        return shlex.join([*words, "--instructions", "-"])

    def read(self, printed: str) -> Answer:
        """It says neither tokens nor dollars."""
        return Answer(printed.strip(), complaint=printed if complaint_in(printed) else None)
