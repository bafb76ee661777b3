"""Whether the machine slept: a laptop was closed, a virtual machine paused, a program stopped."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

_GAP_SECONDS = 3.0
"""A tenth of a second that took so much longer: nobody was running, or not fairly."""
_SUSPEND_SECONDS = 0.5


class Sleep:
    """Notes sleep from its making on.

    The monotonic clock, by which budgets go, stands still while a machine is suspended; another clock of the kernel
    does not. What stops only programs shows as a short wait that took long.
    """

    def __init__(self) -> None:
        self._suspended_before = _suspended_seconds()
        self._gaps = 0.0

    def watched(self, wait: Callable[[], bool]) -> bool:
        """What `wait`, which is to take a tenth of a second at most, returns."""
        began = time.monotonic()
        result = wait()
        gap = time.monotonic() - began
        if gap > _GAP_SECONDS:
            self._gaps += gap
        return result

    def seconds(self) -> float:
        """For how long there was sleep; 0 when there was none worth speaking of."""
        suspended = _suspended_seconds() - self._suspended_before
        return self._gaps + (suspended if suspended > _SUSPEND_SECONDS else 0.0)


def _suspended_seconds() -> float:
    """Seconds that the machine has been suspended since it was started (from an arbitrary zero)."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC) - time.clock_gettime(time.CLOCK_UPTIME_RAW)
    return 0.0
