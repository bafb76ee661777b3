"""The errors a person reads. Everything a user can cause ends here: one sentence, never a traceback."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import Literal


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


TroubleKind = Literal["agent", "disk", "ledger", "machine", "git", "live"]
"""What is in trouble: each is lived with in its own way."""


class Trouble(OvernightError):  # noqa: N818 - it passes
    """Something outside of the experiment is wrong for now, so nothing was decided; the same is tried again later.

    A session waits and goes on by itself. Any other command ends with the message, as with every mistake.
    """

    def __init__(
        self,
        kind: TroubleKind,
        reason: str,
        *,
        retry_after: float | None = None,
        used: Mapping[str, object] | None = None,
    ) -> None:
        """`retry_after` is in seconds, where whoever is in trouble has said when to come back.

        `used` is what it cost all the same, as the ledger writes it down.
        """
        self.kind = kind
        self.used = used or {}
        self.reason = reason
        self.retry_after = retry_after
        super().__init__(reason)


_FULL = (errno.ENOSPC, errno.EDQUOT)
_FOR_A_WHILE = (
    *(errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EBUSY, errno.EINTR, errno.ETXTBSY),
    *(errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.ECONNRESET, errno.ENOLCK, errno.EHOSTDOWN, errno.ENXIO),
)


def explain_os(error: OSError, doing: str) -> OvernightError:
    """What the system refused: trouble, where it may not refuse it later. `doing` begins the sentence."""
    where = f" ({error.filename})" if error.filename else ""
    words = f"{doing}{where}: {error.strerror or error}"
    if error.errno in _FULL or "No space left" in words:
        return Trouble("disk", words)
    if error.errno is None or error.errno in _FOR_A_WHILE:  # libgit2's errors have words only.
        return Trouble("machine", words)
    return OvernightError(words)


class Interrupted(Exception):  # noqa: N818 - it is a request, not an error
    """A person asked to stop while something was under way; what was under way has been ended, nothing was decided."""
