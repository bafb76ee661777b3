"""`overnight watch`: the live view of a session that runs elsewhere."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

from overnight.cli.places import GoalArgument, folder_of
from overnight.errors import SessionError

_LOOK_SECONDS = 0.25
_SHOWN = 10


def watch(
    goal: GoalArgument = None,
    plain: Annotated[bool, typer.Option("--plain", help="One plain line for each event.")] = False,
) -> None:
    """Watch the session that is at work, from another terminal; Ctrl-C ends the watching and nothing else."""
    from overnight.cli.run import stopped_by_signals, tell_what_was_done
    from overnight.cli.view import Watcher
    from overnight.goal.settings import Settings
    from overnight.loop.events import ApprovalAwaited, SessionClosed, SessionOpened
    from overnight.loop.following import Follower
    from overnight.loop.live import read_live
    from overnight.loop.reading import open_history

    console = Console(highlight=False)
    left: list[bool] = []
    with open_history(folder_of(goal), None) as (history, state):
        if state.holder() is None:
            raise SessionError(
                "nobody is at work here; `overnight status` says how it stands, `overnight run` starts or continues it"
            )
        last = history.last_event()
        follower = Follower(history, last.id if last else 0)
        settings, started = Settings.recorded(history.settings_now()), history.started()
        done, paused, waits = history.counts().experiments, history.paused(), history.waiting(time.time())
        with stopped_by_signals(lambda: left.append(True)), Watcher(console, plain=plain) as watcher:
            watcher.show(SessionOpened(history.session, settings, started.base, done, (), started.sandbox))
            tell_what_was_done(watcher, history)
            watcher.remind(history.judged_last(_SHOWN))
            if paused or waits:
                watcher.now.rest(paused=paused is not None, waits="" if paused else "waiting")
            approving = 0  # The variant of which it was said that it waits for a person.
            while not left:
                is_at_work = state.holder() is not None
                for event in follower.news():
                    watcher.show(event)
                    if isinstance(event, SessionClosed):
                        console.print(f"{'Finished' if event.finished else 'Put down'}: {event.reason}", soft_wrap=True)
                        return
                if not is_at_work:
                    break
                live = read_live(state)
                if live is not None:
                    watcher.now.at(live)
                for slot in live.slots if live is not None else ():
                    proposed = history.proposed(slot.number) if slot.step == "approving" else None
                    if proposed is not None and slot.number != approving:
                        watcher.show(ApprovalAwaited(proposed))
                        approving = slot.number
                time.sleep(_LOOK_SECONDS)
    if left:
        console.print(f"Not watching any more at {datetime.now():%H:%M}; the session goes on.")
    else:
        console.print("The session was killed; `overnight run` goes on where it was.")
