"""The tools that do something: check a goal, start and steer a session, hand in a change and wait for its verdict."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import anyio.to_thread
from mcp.server.mcpserver import Context
from pydantic import Field

from overnight.errors import OvernightError, SessionError
from overnight.goal.document import Goal
from overnight.ledger.history import History
from overnight.ledger.records import Act
from overnight.loop.inbox import LONGEST_PATCH, LONGEST_TEXT, Request, Submission
from overnight.loop.project import Project
from overnight.loop.reading import open_history
from overnight.loop.state import State
from overnight.loop.steering import ask
from overnight.loop.submitting import submit
from overnight.loop.underway import Underway
from overnight.mcp.answers import Outcome, decided, standing, told, under_way
from overnight.mcp.starting import Started, start_run
from overnight.morning.summary import waits_words

_LOOK_SECONDS = 0.2
_HEARTBEAT_SECONDS = 5.0
"""As long as nothing changes, a client is told only so often."""
_PATIENCE_SECONDS = 50.0
"""Many clients give a tool a minute."""
Wait = Annotated[
    float,
    Field(ge=0, le=86_400, description="Seconds to wait for the result. Calling again with the same waits on."),
]


class Working:
    """Works on one goal. It holds nothing: all is in files that outlive it."""

    def __init__(self, goal: Path) -> None:
        self._goal = goal
        self._folder = goal.parent

    async def check_goal(self, ctx: Context) -> str:
        """Try the goal before a night: runs the baseline three times, which takes three budgets or more, and says what
        a careful colleague would: whether the metric is exact or noisy, what is wrong or doubtful with file, line and
        a fix, and how many runs at once are fair. Nothing is changed."""
        command = [sys.executable, "-P", "-m", "overnight.cli.main", "check", str(self._goal)]
        said = list[str]()
        with told():
            self._goal.parent.stat()
            async with await anyio.open_process(
                command, cwd=self._folder, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT
            ) as process:
                assert process.stdout is not None
                try:
                    async for line in _lines(process.stdout):
                        said.append(line)
                        await ctx.report_progress(len(said), message=line or None)
                    await process.wait()
                finally:
                    if process.returncode is None:
                        process.terminate()  # It ends its runs; being killed would leave that to others.
                        with anyio.CancelScope(shield=True):
                            await process.wait()
            words = "\n".join(said).strip()
            if process.returncode:
                raise OvernightError(words or f"`overnight check` ended with exit code {process.returncode}")
        return words

    async def start_session(
        self,
        ctx: Context,
        experiments: Annotated[
            int | None, Field(ge=1, le=2**31 - 1, description="Stop after so many in the whole session.")
        ] = None,
        hours: Annotated[float | None, Field(gt=0, le=1e6, description="Stop after so many hours of work.")] = None,
        agent: Annotated[
            Literal["submitted"] | None,
            Field(description="`submitted`: only you propose. Left out: whoever goal.md names does, and you may too."),
        ] = None,
        new: Annotated[bool, Field(description="A new session instead of going on with the last.")] = False,
        wait_seconds: Wait = _PATIENCE_SECONDS,
    ) -> dict[str, Any]:
        """Start a session on the goal, or go on with the last one where it was put down or killed. It runs as a process
        of its own and goes on when you are gone. Waits until the baseline is measured, and returns how it stands."""
        options = {"--experiments": experiments, "--hours": hours, "--agent": agent}
        arguments = [word for name, value in options.items() if value is not None for word in (name, str(value))]
        arguments += ["--new"] if new else []
        with told():
            started = await anyio.to_thread.run_sync(self._start, arguments)
            waiting = _Waiting(ctx, wait_seconds)
            while True:
                is_alive = started.is_alive()  # Before it is looked what it has come to.
                found = await anyio.to_thread.run_sync(self._opened, started)
                if found is not None and found["baseline"] is not None:
                    return found
                if not is_alive:
                    if found is None:  # Two may have started at once.
                        self._must_be_alone()
                    raise SessionError(started.said() or "`overnight run` ended without a word")
                if not await waiting.goes_on(_now(State.of(self._folder))):
                    return found or {"state": "starting", "now": ["`overnight run` was started; `status` says more"]}

    async def submit_experiment(
        self,
        ctx: Context,
        hypothesis: Annotated[
            str, Field(max_length=LONGEST_TEXT, description="What it changes and why that should help, in one line.")
        ],
        patch: Annotated[
            str,
            Field(
                max_length=LONGEST_PATCH,
                description="A unified diff on the best version as `brief` shows it, paths relative to goal.md's "
                "folder, with a few unchanged lines around each change.",
            ),
        ],
        wait_seconds: Wait = _PATIENCE_SECONDS,
    ) -> Outcome:
        """Hand in one change to be measured. The session runs it in its sandbox, the frozen scorer measures it, and the
        harness decides; nothing that you say counts as a result. Returns the verdict with its interval and reason, or
        after `wait_seconds` that it is still being measured: call again with exactly the same hypothesis and patch to
        wait on. The same submission is measured once, however often it is sent."""
        with told():
            name = await anyio.to_thread.run_sync(self._hand_in, hypothesis, patch)
            waiting = _Waiting(ctx, wait_seconds)
            while True:
                outcome = await anyio.to_thread.run_sync(self._outcome, name)
                if outcome.state != "measuring" or not await waiting.goes_on(outcome.words):
                    return outcome

    @told()
    def pause(self) -> str:
        """Let nothing new begin until `resume`; what is being measured comes to its end."""
        return self._ask("pause", "It is paused; `resume` lets it go on.")

    @told()
    def resume(self) -> str:
        """Let a paused session go on."""
        return self._ask("resume", "It goes on.")

    @told()
    def stop(self) -> str:
        """Put the session down at once. Nothing is lost: what was being measured is measured again when
        `start_session` goes on."""
        holder = State.of(self._folder).stop_holder()
        return "No session is running here." if holder is None else f"Stopped ({holder}); `start_session` goes on."

    def _start(self, arguments: list[str]) -> Started:
        Goal.read(self._goal)  # Its mistakes are said at once.
        self._must_be_alone()
        return start_run(self._goal, arguments)

    def _must_be_alone(self) -> None:
        if holder := State.of(self._folder).holder():
            raise SessionError(f"a session is running here already ({holder}); `status` says how it stands")

    def _opened(self, started: Started) -> dict[str, Any] | None:
        """How the session stands that this process has taken up; None before it has."""
        with contextlib.suppress(SessionError), open_history(self._folder, None) as (history, state):
            if history.taken_up_by() == started.pid:
                return standing(history, state)
        return None

    def _hand_in(self, hypothesis: str, patch: str) -> str:
        """Leave a submission where it is not known yet; its name."""
        if not patch.strip():
            raise SessionError("the patch is empty; hand in a unified diff on the files that `brief` shows")
        with open_history(self._folder, None) as (history, state):
            submission = Submission.of(history.session, hypothesis, patch)
            is_left = state.submissions.holds(submission.request)  # Asked first, as below.
            if not is_left and history.submitted(submission.request) is None:
                project = Project.of(Goal.read(self._goal), history.started().base)
                submit(history, state, project, submission)
            return submission.request

    def _outcome(self, name: str) -> Outcome:
        with open_history(self._folder, None) as (history, state):
            is_left = state.submissions.holds(name)  # Before the ledger is asked, which has it before it is taken away.
            proposed = history.submitted(name)
            number = proposed.number if proposed else None
            judged = history.judged_number(number) if number is not None else None
            if judged is not None:
                return decided(judged)
            if not is_left and proposed is None:
                return Outcome(state="waiting", words="a new session has begun meanwhile; submit it again")
            if state.holder() is None:
                return Outcome(state="waiting", number=number, words=_ended(history))
            live = under_way(state)
            if held_up := _held_up(history, live, number):
                return Outcome(state="waiting", number=number, words=held_up)
            what = f"experiment {number} is not decided yet" if number else "it waits for its turn"
            words = [what, *live.told(), waits_words(history)]
            return Outcome(state="measuring", number=number, words="; ".join(filter(None, words)))

    def _ask(self, act: Act, done: str) -> str:
        """Ask something of the session, and wait a moment for it to take note."""
        with open_history(self._folder, None) as (history, state):
            request = Request(act=act, session=history.session)
            ask(history, state, request)
            until = time.monotonic() + 5
            while not history.was_asked(request.request):
                if time.monotonic() > until:
                    return (
                        "It was asked for, and takes effect as soon as the session looks (once its baseline is known)."
                    )
                time.sleep(_LOOK_SECONDS / 2)
        return done


_KEPT = "the submission is kept, and is measured when `start_session` goes on with this session"
_RESUMED = "the submission is kept, and is measured after `resume`"


def _ended(history: History) -> str:
    stopped = history.stopped()
    if stopped is None:
        return f"the session was killed; {_KEPT}"
    if stopped.finished:
        return f"the session is finished: {stopped.reason}; {_KEPT}, which takes more `experiments` or `hours`"
    return f"the session was put down: {stopped.reason}; {_KEPT}"


def _held_up(history: History, live: Underway, number: int | None) -> str | None:
    """What a person has to do before a submission can go on, which is experiment `number` if it is proposed."""
    approving = next((one.number for one in live.slots if one.step == "approving"), None)
    if approving is not None:
        which = "it" if approving == number else f"experiment {approving}, which comes first,"
        return f"people meet {which} only after a person has approved that; the submission is kept"
    if history.paused() is not None and all(one.number != number for one in live.slots):
        return f"the session is paused; {_RESUMED}"
    return None


def _now(state: State) -> str:
    return "; ".join(under_way(state).told()) or "starting"


class _Waiting:
    """Waits for so many seconds at most, and tells the client what goes on each time that changes."""

    def __init__(self, ctx: Context, seconds: float) -> None:
        self._ctx = ctx
        self._began = time.monotonic()
        self._seconds = seconds
        self._said, self._last = "", 0.0

    async def goes_on(self, words: str) -> bool:
        """Wait a moment; False where the time is over."""
        spent = time.monotonic() - self._began
        if words != self._said or spent - self._last >= _HEARTBEAT_SECONDS:
            self._said, self._last = words, spent
            await self._ctx.report_progress(spent, message=words)
        await anyio.sleep(min(_LOOK_SECONDS, max(self._seconds - spent, 0)))
        return spent < self._seconds


async def _lines(stream: anyio.abc.ByteReceiveStream) -> AsyncIterator[str]:
    rest = b""
    async for piece in stream:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", errors="replace").rstrip()
    if rest:
        yield rest.decode("utf-8", errors="replace").rstrip()
