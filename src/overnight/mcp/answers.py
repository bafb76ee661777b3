"""What tools answer, and how their errors are told."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Literal

import pygit2
from mcp.server.mcpserver.exceptions import ResourceError
from pydantic import BaseModel

from overnight.errors import GoalError, OvernightError, explain_os
from overnight.ledger.history import History
from overnight.ledger.records import Judged
from overnight.loop.live import read_live
from overnight.loop.reading import summary_of
from overnight.loop.state import State
from overnight.loop.underway import Underway
from overnight.morning.summary import headline
from overnight.morning.words import gain_words


class Outcome(BaseModel):
    """What has become of a submission. Every number in it was measured by the harness."""

    state: Literal["decided", "measuring", "waiting"]
    """`waiting`: no run of it has begun, and none is sure to; `words` says what for."""
    words: str
    """All of it for a reader."""
    number: int | None = None
    """Of the experiment."""
    verdict: str | None = None
    kept: bool = False
    undecided: bool = False
    """Whether runs to come may still change the verdict."""
    reason: str = ""
    metric: float | None = None
    before: float | None = None
    """The metric without the change."""
    gain: float | None = None
    """In the metric's unit; positive is better, whatever the direction."""
    gain_low: float | None = None
    gain_high: float | None = None
    """Its 95 % interval."""


def decided(judged: Judged) -> Outcome:
    """A verdict, in the ledger's words."""
    words = [f"experiment {judged.number}: {judged.verdict}, {judged.reason}"]
    if judged.gain is not None and judged.gain_low != judged.gain_high:
        words.append(f"its effect: {gain_words(judged.gain, judged.gain_low, judged.gain_high)}")
    words += ["runs to come may still change this"] if judged.undecided else []
    words += [f"look at it: {'; '.join(judged.flags)}"] if judged.flags else []
    known = judged.model_dump(include=Outcome.model_fields.keys() & Judged.model_fields.keys())
    return Outcome(state="decided", words="; ".join(words), kept=judged.verdict == "keep", **known)


def standing(history: History, state: State) -> dict[str, Any]:
    """How a session stands: what `status --json` says, and in words what goes on now."""
    summary = summary_of(history, state)
    live = under_way(state) if summary.state == "running" else Underway()
    return {
        "headline": headline(summary),
        "now": live.told(),
        **summary.as_json(),
        **live.as_json(),
    }


def under_way(state: State) -> Underway:
    """What the session is at, as an assistant is to hear it: of what a person is asked for, nobody asks it."""
    live = read_live(state) or Underway()
    words = {"words": "waiting for a person's approval"}
    slots = tuple(one.model_copy(update=words) if one.step == "approving" else one for one in live.slots)
    return live.model_copy(update={"slots": slots})


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Hand on to the client what a user can cause, in a sentence; anything else is a fault of ours and stays here."""
    try:
        yield
    except GoalError as error:
        raise ResourceError("\n".join(error.mistakes)) from None
    except OvernightError as error:
        raise ResourceError(str(error)) from None
    except OSError as error:
        raise ResourceError(f"{explain_os(error, 'the system refused what was to be done')}; nothing is lost") from None
    except pygit2.GitError as error:
        raise ResourceError(f"git could not do its part: {error}; nothing is lost") from None
