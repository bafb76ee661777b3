"""What of this machine each slot has for itself: processors that no other slot uses, and a GPU."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from overnight.errors import Trouble
from overnight.goal.sections import GpuSlots, Slots
from overnight.runs.energy import nvml

_THREADS = "OMP_NUM_THREADS"
_GPUS = "CUDA_VISIBLE_DEVICES"
_CPUS = Path("/sys/devices/system/cpu")


@dataclass(frozen=True)
class Share:
    """What one slot has; unless told otherwise, all there is."""

    processors: frozenset[int] | None = None
    """Those that it may use, by the system's numbers; None: all."""
    gpu: str | None = None
    """Its GPU, as CUDA_VISIBLE_DEVICES has it; None: what the environment says."""
    slots: int = 1
    """How many there are on this machine, this one included."""

    def environment(self, outside: Mapping[str, str]) -> dict[str, str]:
        """What its guests are told of it. Some libraries start a thread for each processor of the whole machine."""
        told = {_GPUS: self.gpu} if self.gpu is not None else {}
        if self.processors is not None and _THREADS not in outside:
            told[_THREADS] = str(len(self.processors))
        return told

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Bind the calling thread to the slot's processors, and with it whatever it starts meanwhile (Linux).

        Raises Trouble when they have been taken away from us.
        """
        if self.processors is None or sys.platform != "linux":
            yield
            return
        before = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, self.processors)
        except OSError as error:
            raise Trouble("machine", f"a slot's processors are not to be had any more: {error.strerror}") from error
        try:
            yield
        finally:
            os.sched_setaffinity(0, before)


WHOLE = Share()
"""The whole machine."""


def shares_here(slots: Slots) -> tuple[Share, ...]:
    """The shares of all slots on this machine; how many there are decides about `auto`."""
    return share_out(slots, cores_here(), gpus_here(os.environ) if slots == "auto" else ())


def share_out(slots: Slots, cores: Sequence[frozenset[int]], gpus: Sequence[str]) -> tuple[Share, ...]:
    """A share for each slot. `cores` are the machine's, each with its processors (two, where it is hyper-threaded).

    Every slot gets as many cores as any other, since an experiment must not depend on where it is run; what is left
    over, the loop and the agents are glad of. Where there are more slots than cores they share all of them: runs may
    wait for something else. A single slot has the whole machine.

    `auto` is a slot for each GPU. Without any it is one for every two cores: a run is seldom one thread alone, and
    whoever thinks and measures needs some too. `overnight check` says whether more would be fair.
    """
    own: Sequence[str] = ()
    if isinstance(slots, GpuSlots):
        own, count = slots.gpus, len(slots.gpus)
    elif slots == "auto":
        own, count = gpus if len(gpus) > 1 else (), len(gpus) or max(len(cores) // 2, 1)
    else:
        count = slots
    each = len(cores) // count if count > 1 else 0

    def processors(number: int) -> frozenset[int] | None:
        return frozenset().union(*cores[number * each : (number + 1) * each]) if each else None

    return tuple(Share(processors(number), own[number] if own else None, count) for number in range(count))


def cores_here() -> list[frozenset[int]]:
    """The cores that this process may use, each with those of its processors that it may use."""
    if sys.platform != "linux":
        return [frozenset({number}) for number in range(os.cpu_count() or 1)]
    cores: dict[str, set[int]] = {}
    for number in sorted(os.sched_getaffinity(0)):
        try:
            core = (_CPUS / f"cpu{number}/topology/thread_siblings_list").read_text()
        except OSError:
            core = str(number)
        cores.setdefault(core, set()).add(number)
    return [frozenset(processors) for processors in cores.values()]


def gpus_here(environment: Mapping[str, str]) -> list[str]:
    """NVIDIA's GPUs by their UUIDs; or those that CUDA_VISIBLE_DEVICES names, where it is set."""
    if _GPUS in environment:
        named = [name.strip() for name in environment[_GPUS].split(",")]
        ends = (number for number, name in enumerate(named) if name in ("", "-1"))
        return named[: next(ends, len(named))]  # CUDA reads as far as that, too.
    library = nvml()
    if library is None:
        return []
    found = []
    for index in range(library.nvmlDeviceGetCount()):
        with contextlib.suppress(library.NVMLError):  # A lost one does not answer.
            found.append(library.nvmlDeviceGetUUID(library.nvmlDeviceGetHandleByIndex(index)))
    return found
