"""What a run costs in energy, where the machine counts it: processors through Linux's powercap, NVIDIA's cards by NVML.

Both count for the whole machine, so whatever else runs is in it too. Nearly everywhere only root may read the
processors' counters.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_POWERCAP = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Counters:
    """What every counter stood at: its name → joules, and after how many it begins anew."""

    joules: dict[str, tuple[float, float]]

    def since(self, before: Counters) -> float | None:
        """Joules used up since then; None where nothing counts."""
        common = self.joules.keys() & before.joules.keys()
        if not common:
            return None
        return sum(_difference(before.joules[name][0], *self.joules[name]) for name in common)


def read_counters(powercap: Path = _POWERCAP) -> Counters:
    """What the machine's energy counters stand at now; none where it has none, or keeps them to itself."""
    return Counters({**_processors(powercap), **_cards()})


def _difference(before: float, after: float, wraps_at: float) -> float:
    return after - before if after >= before else after + wraps_at - before


def _processors(powercap: Path) -> dict[str, tuple[float, float]]:
    found = {}
    # The zones of whole processors; those within (`intel-rapl:0:1`) are parts of them.
    for zone in sorted(powercap.glob("intel-rapl:*")):
        try:
            if zone.name.count(":") != 1 or not (zone / "name").read_text().startswith("package"):
                continue
            micro, most = ((zone / name).read_text() for name in ("energy_uj", "max_energy_range_uj"))
            found[zone.name] = (int(micro) / 1e6, int(most) / 1e6)
        except (OSError, ValueError):
            continue
    return found


def _cards() -> dict[str, tuple[float, float]]:
    library, found = nvml(), {}
    if library is None:
        return {}
    for index in range(library.nvmlDeviceGetCount()):
        try:
            card = library.nvmlDeviceGetHandleByIndex(index)
            found[f"card {index}"] = (library.nvmlDeviceGetTotalEnergyConsumption(card) / 1000, 0.0)
        except library.NVMLError:  # An older card does not count, a lost one does not answer.
            continue
    return found


@lru_cache
def nvml() -> Any:
    """NVIDIA's library, ready to be asked; None where there is no such card."""
    import pynvml  # noqa: PLC0415 - only needed once something runs

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml
