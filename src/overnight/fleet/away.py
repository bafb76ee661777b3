"""A slot on another machine, whatever brings the orders there: what is the same for Ray and Slurm."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from overnight.errors import OvernightError, Trouble, explain_os
from overnight.fleet.orders import Answer, Audit, Guards, Order
from overnight.fleet.slot import Task, Version, as_asked
from overnight.ledger.records import Measured
from overnight.runs.logs import place_in_state, score_log
from overnight.runs.output import Output

MOST_TRIES = 3
"""So often an order is begun, each time on another machine, before it is given up."""
LOST = "its machine was lost"
Show = Callable[[bytes], None]


class LostError(Exception):
    """The machine, or what ran there for us, is gone; nothing is known of what it was at."""

    def __init__(self, why: str, *, while_running: bool) -> None:
        self.while_running = while_running
        super().__init__(why)


class OneType:
    """The one type of machine that a session's runs are made on: numbers of two types do not compare."""

    def __init__(self, known: str = "") -> None:
        """`known` is the type that has measured the session's baseline, if one has."""
        self._lock = threading.Lock()
        self.known = known
        self.is_proven = bool(known)
        """Whether the set-up has worked before: then what goes wrong is the machine's fault."""

    def fits(self, machine_type: str) -> bool:
        """Whether runs may be made on a machine of this type. The first that asks decides, where nothing is known."""
        with self._lock:
            self.known = self.known or machine_type
            return machine_type == self.known


class Line(Protocol):
    """What leads to an outpost."""

    def carry(self, order: Order, show: Show) -> Answer:
        """Have an order carried out; `show` gets what is printed, as it comes.

        Raises LostError when the machine is gone, Interrupted when asked to stop, and Trouble when no machine is to be
        reached.
        """
        ...

    def avoid(self) -> bool:
        """Carry the next order to another machine than the last; False where there is none."""
        ...

    def close(self) -> None:
        """End what is under way."""
        ...


class AwaySlot:
    """A slot on another machine."""

    def __init__(self, line: Line, one_type: OneType, logs: Path, number: int) -> None:
        """`logs` is where the session has what runs print."""
        self.number = number
        self._line = line
        self._one_type = one_type
        self._logs = logs

    def measure(self, task: Task) -> Measured:
        """See `Slot`. A run whose machine was lost is repeated on another.

        If that happens again and again, it may be the run that takes its machine down: it is a crash, which the loop
        holds against the machine first (`is_doubtful`).
        """
        answer, lost = self._carried(task)
        measured = answer.measured or Measured(
            number=task.number,
            role=task.role,
            commit=task.version.commit,
            fingerprint=task.version.fingerprint,
            seed=task.seed,
            outcome="crash",
            reason=f"{LOST} while it ran, {len(lost)} times: {lost[-1]}",
        )
        self._one_type.is_proven = self._one_type.is_proven or measured.outcome == "ok"
        place = {"output": place_in_state(self._logs / task.log)}
        cut_off = {"cut_off": (*(LOST for _ in lost), *measured.cut_off)}
        return as_asked(measured, task, self.number).model_copy(update={**place, **cut_off})

    def broken_guard(self, version: Version, metrics: Mapping[str, float] | None) -> str | None:
        """See `Slot`."""
        answer, lost = self._carried(Guards(version, metrics, self.number))
        return answer.broken if len(lost) < MOST_TRIES else f"{LOST} while the guards were tried: {lost[-1]}"

    def audit(self, version: Version) -> None:
        """See `Slot`."""
        self._carried(Audit(version))

    def close(self) -> None:
        """See `Slot`."""
        self._line.close()

    def _carried(self, order: Order) -> tuple[Answer, list[str]]:
        """What came of an order, and why it had to be begun again; an empty answer where that was so each time."""
        lost: list[str] = []
        refused: list[str] = []
        while len(lost) < MOST_TRIES:
            try:
                answer = self._tried(order)
            except LostError as error:
                (lost if error.while_running else refused).append(str(error))
            else:
                if answer.problem is None:
                    return answer, lost
                if answer.is_mistake and not self._one_type.is_proven:
                    raise OvernightError(answer.problem)
                refused.append(answer.problem)
                if not self._line.avoid():
                    raise Trouble("machine", answer.problem)
            if len(refused) >= MOST_TRIES:
                raise Trouble("machine", f"no machine of the fleet takes the run: {refused[-1]}")
        return Answer(), lost

    def _tried(self, order: Order) -> Answer:
        if isinstance(order, Audit):  # It prints nothing.
            return self._line.carry(order, lambda _: None)
        place = self._logs / order.log
        try:
            with Output(place) as shown:
                answer = self._line.carry(order, lambda chunk: shown.feed(chunk, is_standard_output=False))
            for name in (place.name, score_log(place).name):
                if name in answer.logs:
                    with Output(self._logs / name) as whole:
                        whole.feed(answer.logs[name], is_standard_output=False)
        except OSError as error:
            raise explain_os(error, "what a run printed cannot be written") from error
        return answer
