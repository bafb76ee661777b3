"""What kind of machine this is: numbers from two kinds are never compared."""

from __future__ import annotations

import contextlib
import os
import platform
import socket
from collections import Counter
from pathlib import Path

import pynvml


def machine_name() -> str:
    """This machine's name; in a Slurm job, as Slurm knows it."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def machine_type() -> str:
    """Its processor, how many cores are at hand here, and its graphics cards: `AMD EPYC 9654, 16 cores, 2 × H100`."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cards = (name if count == 1 else f"{count} × {name}" for name, count in sorted(Counter(_graphics_cards()).items()))
    return ", ".join([_processor(), f"{cores} core{'s' if cores > 1 else ''}", *cards])


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def _graphics_cards() -> list[str]:
    names: list[str] = []
    with contextlib.suppress(pynvml.NVMLError, OSError):
        pynvml.nvmlInit()
        try:
            for index in range(pynvml.nvmlDeviceGetCount()):
                name = pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(index))
                names.append(name if isinstance(name, str) else name.decode())
        finally:
            pynvml.nvmlShutdown()
    return names
