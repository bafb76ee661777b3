"""Work that outlasts what goes wrong outside: an agent that is down, a full disk, a machine that is lost."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator
from random import Random

import pygit2

from overnight.errors import Interrupted, OvernightError, Trouble, explain_os
from overnight.ledger.records import Troubled
from overnight.ledger.store import Recorder
from overnight.loop.ending import let_nothing_out
from overnight.loop.events import SessionEvent, Waiting, is_progress
from overnight.loop.night import Night
from overnight.loop.patience import Patience
from overnight.loop.state import State
from overnight.loop.steering import PutDown, Steering


def through_troubles(
    state: State,
    history: Recorder,
    make_night: Callable[[], Night],
    *,
    recheck: bool,
    should_stop: Callable[[], bool],
) -> Generator[SessionEvent, None, str]:
    """Work, wait when something outside is wrong, and go on from the ledger. Returns which rule has ended it.

    Raises OvernightError when it has been waited for in vain, Interrupted and PutDown for somebody who wants to stop.
    """
    patience, think_from = Patience(Random()), 0.0
    while True:
        try:
            with make_night() as night:
                for event in night.work(recheck=recheck, think_from=think_from):
                    if is_progress(event):
                        patience.progress()
                    yield event
                return night.over or ""
        except Trouble as error:
            trouble = error
        except (OSError, pygit2.GitError) as error:
            trouble = _as_trouble(error)
        recheck = False
        pause = patience.pause(trouble, is_first_proposal=_never_proposed(history))
        if pause is None:
            let_nothing_out(history, make_night)
            raise OvernightError(
                f"{trouble.reason}. It was tried again and again; mend that and run `overnight run` again, "
                "nothing is lost"
            )
        with contextlib.suppress(OvernightError):
            troubled = {"what": trouble.kind, "reason": trouble.reason, "pause": pause}
            history.append(Troubled.model_validate({**trouble.used, **troubled}))
        is_agent = trouble.kind == "agent"
        think_from = time.monotonic() + pause if is_agent else 0.0
        try:
            yield Waiting(trouble.kind, trouble.reason, pause)
            has_other_work = (lambda: bool(state.submissions.waiting())) if is_agent else lambda: False
            yield from _wait(pause, Steering(state, history, should_stop), should_stop, has_other_work)
        except (Interrupted, PutDown, KeyboardInterrupt, GeneratorExit):
            let_nothing_out(history, make_night)
            raise


def _wait(
    seconds: float, steering: Steering, should_stop: Callable[[], bool], has_other_work: Callable[[], bool]
) -> Iterator[SessionEvent]:
    """Wait, but not where there is other work, nor for somebody who wants to stop. Raises Interrupted and PutDown."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not has_other_work():
        if should_stop():
            raise Interrupted
        with contextlib.suppress(Trouble, OSError):  # It may be the ledger that is not to be had: then it waits.
            yield from steering.take_note()
        time.sleep(min(left, 0.1))


def _never_proposed(history: Recorder) -> bool:
    with contextlib.suppress(Trouble):
        return history.count("proposed") == 0
    return False


def _as_trouble(error: OSError | pygit2.GitError) -> Trouble:
    if isinstance(error, pygit2.GitError):
        return Trouble("git", f"git could not do its part: {error}")
    explained = explain_os(error, "the system refused something that the session needs")
    if not isinstance(explained, Trouble):
        raise explained from error
    return explained
