"""A proposer that another package brings: whatever goes wrong in it is told in words, and ends no session.

It is trusted with the user's computer, as whatever they have installed, but not with the scoreboard: what it answers is
looked at, checked and measured like any other proposal.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from overnight.errors import Interrupted, OvernightError
from overnight.goal.durations import format_duration
from overnight.plugins import Plugin
from overnight.propose.brief import Brief
from overnight.propose.command import hypothesis_of
from overnight.propose.models.waiting import result_of
from overnight.propose.proposer import Proposal
from overnight.runs.redact import redact

_SHOWN = 4000


class CustomProposer:
    """Asks a proposer of the user's own, in a thread that nobody has to wait for."""

    def __init__(self, plugin: Plugin, *, limit: float, should_stop: Callable[[], bool]) -> None:
        """`limit` is how many seconds an answer may take. Raises OvernightError when none can be made."""
        self.name = plugin.name
        self._plugin = plugin
        self._limit = limit
        self._should_stop = should_stop
        self._inner = self._made()

    @property
    def reviews(self) -> bool:
        """See `Proposer`; one that says nothing of it does not."""
        return bool(getattr(self._inner, "reviews", False))

    def propose(self, brief: Brief) -> Proposal:
        """See `Proposer`. Raises Interrupted when asked to stop meanwhile."""
        proposal = self._answer(self._inner.propose, brief)
        files = dict(proposal.files)
        return replace(proposal, files=files, hypothesis=hypothesis_of(proposal.hypothesis, brief.files, files))

    def review(self, brief: Brief) -> Proposal:
        """See `Proposer`. Raises Interrupted when asked to stop meanwhile."""
        return replace(self._answer(self._inner.review, brief), files={})

    def close(self) -> None:
        """See `Proposer`. What goes wrong now concerns nobody any more."""
        with contextlib.suppress(Exception):
            getattr(self._inner, "close", lambda: None)()

    def _made(self) -> Any:
        try:
            inner = self._plugin.target()
        except Exception as error:  # Whatever a constructor does.
            raise OvernightError(self._plugin.failure(error)) from None
        if not callable(getattr(inner, "propose", None)):
            raise OvernightError(f"{self._plugin} makes {inner!r}, which has no method `propose`")
        return inner

    def _answer(self, ask: Callable[[Brief], object], brief: Brief) -> Proposal:
        done: Future[object] = Future()

        def work() -> None:
            try:
                done.set_result(ask(brief))
            except BaseException as error:  # Whatever it is, the one who waits is to see it.
                done.set_exception(error)

        threading.Thread(target=work, name=f"overnight-{self.name}", daemon=True).start()
        try:
            proposal = _checked(result_of(done, limit=self._limit, should_stop=self._should_stop))
        except Interrupted:
            raise
        except TimeoutError as error:
            if done.done():  # It is one of its own.
                return self._unavailable(error)
            self._inner = self._made()  # The old one may go on for ever; nobody listens to it any more.
            return Proposal({}, failure=f"it has not answered within {format_duration(self._limit)}")
        except (Exception, SystemExit) as error:
            return self._unavailable(error)
        return replace(
            proposal,
            failure=redact(proposal.failure) if proposal.failure else None,
            unavailable=redact(proposal.unavailable) if proposal.unavailable else None,
            denied=redact(proposal.denied),
            output=redact(proposal.output)[-_SHOWN:],
            proposer="",
            in_vain=(),
        )

    def _unavailable(self, error: BaseException) -> Proposal:
        return Proposal({}, unavailable=redact(self._plugin.failure(error)))


def _checked(answer: object) -> Proposal:
    """The answer, if it is one. Raises TypeError, which says what it is instead."""
    if not isinstance(answer, Proposal):
        raise TypeError(f"it must answer with an overnight.Proposal, not {answer!r:.100}")
    for name, kind in get_type_hints(Proposal).items():
        try:
            TypeAdapter(kind).validate_python(getattr(answer, name), strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            what = f"{first['msg'][0].lower()}{first['msg'][1:]}, but it is {first['input']!r:.100}"
            raise TypeError(f"`{name}` of its Proposal: {what}") from None
    words = (answer.hypothesis, answer.output, answer.failure, answer.unavailable, answer.denied, answer.trespasses)
    try:
        json.dumps([words, list(answer.files), dict(answer.origin)], ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise TypeError(f"its Proposal cannot be written down: {error}") from None
    return answer
