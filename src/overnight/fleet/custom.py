"""A fleet that another package brings: what it is told, and its slots, kept to what every slot is.

It makes the runs, so its word is as good as that of the program that measures. What was asked for is written down here,
whatever it answers, and whatever goes wrong in it is told in words.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from overnight.errors import Interrupted, OvernightError, Trouble
from overnight.fleet.local import LocalSlot
from overnight.fleet.shares import shares_here
from overnight.fleet.slot import Slot, Task, Version, as_asked
from overnight.goal.settings import Settings
from overnight.ledger.records import Measured
from overnight.plugins import Plugin
from overnight.repo.git import Repository
from overnight.runs.redact import redact
from overnight.runs.sandbox import Sandbox

_T = TypeVar("_T")


@dataclass(frozen=True)
class FleetPlan:
    """What a fleet is to make room for: the runs of one session.

    A fleet of your own is a function that takes this and returns its slots (see `Slot`), one at least, each used by a
    thread of its own. It is named as an entry point in the group `overnight.fleets`.
    """

    repository: Repository
    """The user's, from which candidates are checked out. Threads do not share one: `Repository.find` opens it again."""
    settings: Settings
    """The goal's; `settings.slots` says how many runs are to be made at a time."""
    base: str
    """The baseline's commit."""
    session: str
    """Its name."""
    work: Path
    """A folder for private copies, which is removed in the end."""
    logs: Path
    """The folder for what runs print."""
    sandbox: Sandbox
    """What keeps runs in their rooms on this machine."""
    should_stop: Callable[[], bool]
    """Whether the session is to end: a run that is under way is then to raise `Interrupted` soon."""

    def local_slots(self) -> list[LocalSlot]:
        """The slots that `fleet: local` has: on this machine, as many as the goal says."""
        project = self.repository.root / self.repository.prefix
        return [
            LocalSlot(
                Repository.find(project),
                self.settings,
                self.base,
                work=self.work / f"slot-{number}" if number else self.work,
                logs=self.logs,
                sandbox=self.sandbox,
                should_stop=self.should_stop,
                number=number,
                share=share,
            )
            for number, share in enumerate(shares_here(self.settings.slots))
        ]


def custom_slots(plugin: Plugin, plan: FleetPlan, *, has_worked: bool) -> list[Slot]:
    """The fleet's slots. `has_worked` is whether it has measured before: then what goes wrong in it will pass.

    Raises OvernightError when there is none, Trouble when one that has worked before cannot be had.
    """
    watch = _Watch(plugin, has_worked)
    slots = watch.over(lambda: list(plugin.target(plan)))
    if not slots:
        raise OvernightError(f"{plugin} has no slot to make a run in")
    return [CustomSlot(slot, number, watch) for number, slot in enumerate(slots)]


class _Watch:
    """Turns what goes wrong in a fleet into words."""

    def __init__(self, plugin: Plugin, has_worked: bool) -> None:
        self.plugin = plugin
        self.has_worked = has_worked

    def over(self, work: Callable[[], _T]) -> _T:
        """What comes of it. Raises OvernightError for what it does wrong, or Trouble where it has worked before."""
        try:
            return work()
        except (Interrupted, OvernightError):
            raise
        except (Exception, SystemExit) as error:  # Whatever a fleet may do.
            reason = redact(self.plugin.failure(error))
            raise (Trouble("machine", reason) if self.has_worked else OvernightError(reason)) from None


class CustomSlot:
    """A slot of a fleet that another package brings."""

    def __init__(self, slot: Slot, number: int, watch: _Watch) -> None:
        self.number = number
        self._slot = slot
        self._watch = watch

    def measure(self, task: Task) -> Measured:
        """See `Slot`."""

        def made() -> Measured:
            return _checked(self._slot.measure(task), compares=task.rival is not None)

        measured = self._watch.over(made)
        self._watch.has_worked = self._watch.has_worked or measured.outcome == "ok"
        return as_asked(measured, task, self.number)

    def broken_guard(self, version: Version, metrics: Mapping[str, float] | None) -> str | None:
        """See `Slot`."""
        return self._watch.over(lambda: self._slot.broken_guard(version, metrics))

    def audit(self, version: Version) -> None:
        """See `Slot`."""
        self._watch.over(lambda: self._slot.audit(version))

    def close(self) -> None:
        """See `Slot`. What goes wrong now concerns nobody any more."""
        with contextlib.suppress(Exception):
            self._slot.close()


def _checked(answer: object, *, compares: bool) -> Measured:
    """The run, if it is one. Raises TypeError, which says what it is instead."""
    if not isinstance(answer, Measured):
        raise TypeError(f"`measure` must return an overnight.Measured, not {answer!r:.100}")
    numbers: Sequence[float | None] = (answer.value, *((answer.rival,) if compares else ()))
    if answer.outcome == "ok" and not all(number is not None and math.isfinite(number) for number in numbers):
        raise TypeError(f"a run whose outcome is `ok` must have a finite number, not {numbers[-1]!r}")
    return answer
