"""The errors a person reads. Everything a user can cause ends here: one sentence, never a traceback."""

from __future__ import annotations


class OvernightError(Exception):
    """Something in the user's set-up is wrong; the message says what happened and what to do.

    The command line prints the message and exits with code 2. Nothing is lost: whoever raises it has
    changed nothing that the ledger does not say.
    """


class GoalError(OvernightError):
    """goal.md cannot be used. Carries every mistake found, not only the first."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


class RepositoryError(OvernightError):
    """The project's git repository is missing, empty, or not in a state to work from."""


class SessionError(OvernightError):
    """There is no such session, or it cannot be started or continued as asked."""


class Interrupted(Exception):  # noqa: N818 - it is a request, not an error
    """A person asked to stop while something was under way; what was under way has been ended, nothing was decided."""
