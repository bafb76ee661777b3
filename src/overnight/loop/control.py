"""Was it the candidate, or the machine? After a suspicious crash the incumbent is run, which has worked before.

What a run prints is a guest's word, so a message about the driver is only a reason to look: if the incumbent runs, the
candidate has crashed. Running out of memory is a candidate's own doing too, unless the incumbent does as well.
"""

from __future__ import annotations

import re

from overnight.fleet.away import LOST
from overnight.ledger.history import History
from overnight.ledger.records import Measured

_DRIVER = re.compile(
    r"driver/library version mismatch|driver version is insufficient|no cuda-capable device|gpu is lost|"
    r"fallen off the bus|\bxid\b|uncorrectable ecc|all cuda-capable devices are busy|cuda error: unknown error|"
    r"cudaerrordevicesunavailable|cudaerrornodevice|unable to determine the device handle|nvml: unknown error|"
    r"failed to initialize nvml|cuda initialization|no rocm-capable device|hiperrornodevice|out of memory|"
    r"outofmemoryerror|input/output error|stale file handle|transport endpoint is not connected|"
    rf"no space left on device|{LOST}",
    re.IGNORECASE,
)
_IN_A_ROW = 3
_ROLES = ("candidate", "incumbent", "verify_candidate", "verify_incumbent")


def is_doubtful(history: History, run: Measured) -> bool:
    """Whether a failed run may be the machine's fault: it says so, or it is the third, sixth, … crash in a row."""
    if run.outcome != "crash" or run.role not in _ROLES:
        return False
    if run.role.endswith("incumbent") or _DRIVER.search(f"{run.reason}\n{run.output_tail}"):
        return True
    before = 0
    for judged in reversed(history.judged_last(10 * _IN_A_ROW)):
        if judged.verdict != "crash" or judged.number == run.number:
            break
        before += 1
    return before % _IN_A_ROW == _IN_A_ROW - 1
