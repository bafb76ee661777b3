"""When a session is over."""

from __future__ import annotations

import time

from overnight.goal.sections import StopRules
from overnight.goal.settings import SUBMITTED
from overnight.ledger.accounts import Spent
from overnight.ledger.history import History

_STUCK_AFTER = 10
_AMONG = 50
"""So many are looked at, since those in between that were submitted do not count."""


class Stopping:
    """The stop rules, asked before each experiment."""

    def __init__(self, rules: StopRules, history: History, *, first: int = 1, is_running: bool = True) -> None:
        """`first` is the number of the first experiment that this process may propose, if it is at work at all."""
        self._rules = rules
        self._history = history
        self._first = first
        self._spent = Spent(0.0, 0, 0)
        self._since = time.monotonic()
        self._worked_before = history.worked_seconds(self._since if is_running else None)

    def reason(self) -> str | None:
        """Which rule says that the session is finished; None to go on."""
        most = self._rules.experiments
        # They may end in another order than they began, but there cannot be more than the largest number.
        if most is not None and self._history.last_judged_number() >= most and (done := self._history.done()) >= most:
            others = f", and {done - most} more" if done > most else ""
            return f"all {most} experiments are done{others}"
        if self._rules.hours is not None and self.worked_seconds() >= self._rules.hours * 3600:
            return f"{self._rules.hours:g} hours of work are over"
        if self._rules.cost is not None or self._rules.tokens is not None:
            more = self._history.spent(after=self._spent.upto)
            self._spent = Spent(self._spent.cost + more.cost, self._spent.tokens + more.tokens, more.upto)
        if self._rules.cost is not None and self._spent.cost >= self._rules.cost:
            return f"the proposals have cost ${self._spent.cost:.2f} of ${self._rules.cost:.2f}"
        if self._rules.tokens is not None and self._spent.tokens >= self._rules.tokens:
            return f"the proposals have used {self._spent.tokens:,} of {self._rules.tokens:,} tokens"
        if self._rules.plateau is not None and self._in_a_row() >= self._rules.plateau:
            return f"{self._rules.plateau} experiments in a row were not kept"
        return None

    def stuck(self) -> str | None:
        """Why going on would waste the night: the last proposals all came to nothing for one and the same reason.

        What was submitted does not count: it costs nothing, and whoever did it has been told.
        """
        latest = self._history.judged_last(1)  # It alone says mostly that there is no need to look at more.
        if not latest or (latest[0].proposer != SUBMITTED and latest[0].verdict not in ("no_change", "invalid")):
            return None
        recent = self._history.judged_last(_AMONG)
        last = [record for record in recent if record.proposer != SUBMITTED][-_STUCK_AFTER:]
        # What an earlier process came to, somebody has looked at since.
        if len(last) < _STUCK_AFTER or last[0].number < self._first or last[-1].verdict not in ("no_change", "invalid"):
            return None
        numbers = [record.number for record in recent if record.number >= last[0].number]
        one_is_measured = numbers[-1] - numbers[0] >= len(numbers)
        if not one_is_measured and len({(record.verdict, _kind_of(record.reason)) for record in last}) == 1:
            return f"the last {_STUCK_AFTER} proposals came to nothing, each because {_kind_of(last[0].reason)}"
        return None

    def rested(self, seconds: float) -> None:
        """The session was paused for so long, which is no work."""
        self._since += seconds

    def worked_seconds(self) -> float:
        """Seconds of work in this session so far, restarts added up."""
        return self._worked_before + time.monotonic() - self._since

    def _in_a_row(self) -> int:
        return self._history.last_number() - self._history.last_kept_number()


def _kind_of(reason: str) -> str:
    """What two reasons have in common that differ only in what they name after a colon."""
    return reason.split(": ", maxsplit=1)[0]
