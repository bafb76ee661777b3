"""What a Slurm job is: an outpost that carries out one order. The session and the job meet in a shared folder."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

from overnight.fleet.machine import machine_type
from overnight.fleet.orders import Answer, Charter, Hello, Order
from overnight.fleet.outpost import greet, opened

_FORGOTTEN_SECONDS = 300.0
"""A session that has not been heard of for so long is gone."""
_LISTEN_SECONDS = 1.0


@dataclass(frozen=True)
class Meeting:
    """The folder of one job."""

    folder: Path

    @property
    def pulse(self) -> Path:
        """Written anew by the session as long as it wants the job: its absence ends the job."""
        return self.folder / "pulse"

    @property
    def where(self) -> Path:
        """Holds the place where the job's output can be read."""
        return self.folder / "where"


def carry_out(charter: Charter, order: Order, cache: Path, folder: Path, wanted: str) -> tuple[Hello, Answer | None]:
    """Carry out one order on this machine; no answer where the machine is not of the type `wanted`."""
    hello = greet(charter, cache)
    if wanted not in ("", machine_type()):
        return hello, None
    listener = _Listener(Meeting(folder).pulse)
    with opened(charter, cache) as outpost:
        with contextlib.suppress(OSError):
            Meeting(folder).where.write_text(str(outpost.log(order)))
        return hello, outpost.do(order, (), listener.should_stop)


class _Listener:
    """Hears whether the session still wants this."""

    def __init__(self, pulse: Path) -> None:
        self._pulse = pulse
        self._heard: str | None = None
        self._heard_at = self._listened_at = time.monotonic()
        self._is_over = False

    def should_stop(self) -> bool:
        """Asked ten times a second: the shared folder is looked at less often."""
        now = time.monotonic()
        if now - self._listened_at >= _LISTEN_SECONDS:
            self._listened_at = now
            self._listen(now)
        return self._is_over

    def _listen(self, now: float) -> None:
        try:
            heard = self._pulse.read_text()
        except FileNotFoundError:
            self._is_over = True
            return
        except OSError:
            return
        if heard != self._heard:
            self._heard, self._heard_at = heard, now
        self._is_over = now - self._heard_at > _FORGOTTEN_SECONDS
