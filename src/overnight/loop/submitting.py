"""Changes that somebody outside the session has thought of: left in a folder, and proposed like any other.

What is left there stays until the ledger has it, so a session that is killed in between takes it up when it goes on.
"""

from __future__ import annotations

from overnight.errors import SessionError
from overnight.goal.settings import SUBMITTED
from overnight.ledger.history import History
from overnight.loop.inbox import Submission
from overnight.loop.project import Project
from overnight.loop.state import State
from overnight.propose.brief import Brief
from overnight.propose.command import hypothesis_of
from overnight.propose.diffs import apply_diff
from overnight.propose.edits import EditError
from overnight.propose.proposer import Proposal
from overnight.repo.candidate import Scope
from overnight.runs.redact import redact

MOST_WAITING = 100
"""Of those left in the folder: enough for a list of ideas, and an end for whoever submits in a loop."""


class Submitter:
    """Proposes what was submitted, the oldest first. It is asked only when something waits."""

    name = SUBMITTED
    reviews = False

    def __init__(self, state: State, history: History, scope: Scope) -> None:
        self._box = state.submissions
        self._history = history
        self._scope = scope
        self._next: Submission | None = None

    def waits(self) -> bool:
        """Whether there is something to propose. What the ledger has already, or an older session was to have, goes."""
        self._next = None
        for submission in self._box.waiting():
            is_ours = submission.session in ("", self._history.session)
            if is_ours and self._history.submitted(submission.request) is None:
                self._next = self._next or submission
            else:
                self._box.clear(submission)
        return self._next is not None

    def propose(self, brief: Brief) -> Proposal:
        """The change that waits, made on the incumbent as it is now."""
        submission = self._next
        assert submission is not None, "it is asked only when something waits"
        try:
            files = apply_diff(brief.files, submission.patch, self._scope.allows)
        except EditError as error:
            elsewhere = (error.path,) if error.problem == "elsewhere" else ()
            failure = f"the patch does not fit the best version: {redact(str(error))}"
            said = hypothesis_of(submission.hypothesis, {}, {})
            return Proposal({}, said, trespasses=elsewhere, failure=failure, request=submission.request)
        said = hypothesis_of(submission.hypothesis, brief.files, files)
        return Proposal(files, said, request=submission.request)

    def review(self, _brief: Brief) -> Proposal:
        """Whoever submits is not here to be asked."""
        return Proposal({}, failure="nobody is there to be asked")

    def close(self) -> None:
        """Nothing is held."""


def submit(history: History, state: State, project: Project, submission: Submission) -> None:
    """Leave a submission for the session that is at work.

    Raises SessionError, with the reason, where it cannot be measured; nothing is left then.
    """
    if state.holder() is None or history.stopped() is not None or not history.is_newest(state.home):
        raise SessionError("nobody is at work on this session; `overnight run` starts or continues it")
    incumbent = history.incumbent()
    if incumbent is None:
        raise SessionError("the baseline is not measured yet, so there is nothing to change; try again in a moment")
    try:
        apply_diff(project.edit_files(incumbent.commit or project.base), submission.patch, project.scope.allows)
    except EditError as error:
        raise SessionError(f"the patch does not fit the best version: {error}") from None
    if state.submissions.count() >= MOST_WAITING:
        raise SessionError(
            f"{MOST_WAITING} submissions wait already; hand this in when some of them have their verdicts"
        )
    state.submissions.put(submission)
