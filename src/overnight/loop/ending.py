"""How a session is put down: what the ledger says of it, and what a person has to know."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator

from overnight.errors import GoalError, Interrupted, OvernightError, Trouble
from overnight.ledger.records import Stopped
from overnight.ledger.store import Recorder
from overnight.loop.events import Notice, SessionClosed, SessionEvent
from overnight.loop.night import Night
from overnight.loop.pipeline import StuckError
from overnight.loop.steering import PutDown
from overnight.repo.branch import SessionRefs


def to_the_end(
    history: Recorder, refs: SessionRefs, work: Generator[SessionEvent, None, str]
) -> Generator[SessionEvent]:
    """What happens in a session, whose work returns why it is finished; however it ends, it is put down.

    Raises OvernightError when it cannot go on.
    """
    try:
        reason = yield from work
    except PutDown as wish:
        yield from _about_the_trial(history)
        yield _put_down(history, finished=False, reason=str(wish))
        return
    except (Interrupted, KeyboardInterrupt):
        yield from _about_the_trial(history)
        yield _put_down(history, finished=False, reason="interrupted")
        return
    except GeneratorExit:  # Whoever iterates has left.
        _put_down(history, finished=False, reason="interrupted")
        raise
    except StuckError as error:
        yield _put_down(history, finished=False, reason=str(error), failed=True)
        raise OvernightError(f"{error}. Change that and run `overnight run` again; nothing is lost") from None
    except GoalError:
        raise
    except OvernightError as error:
        yield _put_down(history, finished=False, reason=str(error), failed=True)
        raise
    finally:
        refs.clear_temporary_files()
    yield from _about_the_branch(history, refs)
    yield _put_down(history, finished=True, reason=reason)


def let_nothing_out(history: Recorder, make_night: Callable[[], Night]) -> None:
    """The session ends while it waits: a variant that could not be taken back is tried a last time."""
    if history.out() is not None:
        with make_night():
            pass


def _about_the_branch(history: Recorder, refs: SessionRefs) -> Iterator[Notice]:
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


def _about_the_trial(history: Recorder) -> Iterator[Notice]:
    """That a live experiment rests: nobody would see it do harm."""
    last = history.last_deployed()
    if last is not None and last.number and history.judged_number(last.number) is None:
        yield Notice(
            f"people meet the incumbent alone again; `overnight run` lets experiment {last.number} out once more and "
            "goes on with its counts"
        )


def _put_down(history: Recorder, *, finished: bool, reason: str, failed: bool = False) -> SessionClosed:
    """Write down why the session ends. Where even that cannot be written, it is as if it had been killed."""
    with contextlib.suppress(Trouble):
        history.append(Stopped(finished=finished, reason=reason, failed=failed))
    return SessionClosed(finished, reason, failed)
