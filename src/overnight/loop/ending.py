"""How a session is put down: what the ledger says of it, and what a person has to know."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from overnight.errors import Trouble
from overnight.ledger.records import Stopped
from overnight.ledger.store import Recorder
from overnight.loop.events import Notice, SessionClosed
from overnight.loop.night import Night
from overnight.repo.branch import SessionRefs


def about_the_branch(history: Recorder, refs: SessionRefs) -> Iterator[Notice]:
    """What the user has to know of a branch that they have stood on, or committed to."""
    incumbent = history.incumbent()
    if incumbent is not None and incumbent.commit != refs.branch_tip():
        wanted = (incumbent.commit or "")[:7]
        yield Notice(
            f"{refs.branch} is checked out, so it was not moved; switch to another branch, and `overnight doctor` "
            f"moves it to {wanted}, which is the best version"
        )
    for branch in refs.set_aside():
        yield Notice(f"what somebody else had committed to {refs.branch} is on {branch} now")


def about_the_trial(history: Recorder) -> Iterator[Notice]:
    """That a live experiment rests: nobody would see it do harm."""
    last = history.last_deployed()
    if last is not None and last.number and history.judged_number(last.number) is None:
        yield Notice(
            f"people meet the incumbent alone again; `overnight run` lets experiment {last.number} out once more and "
            "goes on with its counts"
        )


def put_down(history: Recorder, *, finished: bool, reason: str, failed: bool = False) -> SessionClosed:
    """Write down why the session ends. Where even that cannot be written, it is as if it had been killed."""
    with contextlib.suppress(Trouble):
        history.append(Stopped(finished=finished, reason=reason, failed=failed))
    return SessionClosed(finished, reason, failed)


def let_nothing_out(history: Recorder, make_night: Callable[[], Night]) -> None:
    """The session ends while it waits: a variant that could not be taken back is tried a last time."""
    if history.out() is not None:
        with make_night():
            pass
