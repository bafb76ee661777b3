"""Questions with a suggested answer, for a person at a terminal or for answers piped in, one a line."""

from __future__ import annotations

import sys
from collections.abc import Callable

from rich.console import Console

from overnight.errors import OvernightError
from overnight.goal.suggest import Suggestion


def plain_console() -> Console:
    """Prints what it is given: no markup, since answers contain brackets, and no lines broken when piped."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


class Asker:
    """Asks, or with `--yes` takes the suggestion. Answers that a flag gave are never asked for."""

    def __init__(self, console: Console, *, ask: bool) -> None:
        self.console = console
        self.asks = ask

    def answer(
        self,
        question: str,
        flag: str,
        given: str | None,
        suggested: Suggestion | None,
        check: Callable[[str], str],
    ) -> str:
        """The flag's value; else, with `--yes`, the suggestion; else what the user says.

        `check` says what is wrong with an answer, and nothing (an empty string) where nothing is.
        """
        if given is not None:
            if problem := check(given):
                raise OvernightError(f"{flag}: {problem}")
            return given
        if not self.asks:
            if suggested is None:
                raise OvernightError(f"{question} Nothing in the folder says; give it with {flag}")
            return suggested.value
        return self._ask(question, flag, suggested, check)

    def confirm(self, question: str) -> bool:
        """True for yes and for Enter."""
        return not self.asks or self._read(f"{question} [Y/n] ", "--yes").lower() in ("", "y", "yes")

    def _ask(self, question: str, flag: str, suggested: Suggestion | None, check: Callable[[str], str]) -> str:
        self.console.print(f"\n{question}", style="bold")
        if suggested is not None:
            self.console.print(
                f"  [{suggested.value}]  {suggested.why}" if suggested.value else f"  [Enter]  {suggested.why}"
            )
        while True:
            answer = self._read("> ", flag)
            if not answer and suggested is not None:
                return suggested.value
            problem = check(answer) if answer else "an answer is needed"
            if not problem:
                return answer
            if not sys.stdin.isatty():
                raise OvernightError(f"{question} {answer!r} will not do: {problem}")
            self.console.print(f"  {problem}", style="yellow")

    def _read(self, prompt: str, flag: str) -> str:
        try:
            answer = self.console.input(prompt).strip()
        except EOFError:
            self.console.print()
            way_out = f"give {flag}, or --yes to take what is suggested" if flag != "--yes" else "give --yes"
            raise OvernightError(f"the answers ended here, and nothing was written; {way_out}") from None
        except UnicodeDecodeError:
            raise OvernightError("the answers are not UTF-8 text") from None
        if not sys.stdin.isatty():
            self.console.print(answer)  # whoever reads the output later sees what was answered
        return answer
