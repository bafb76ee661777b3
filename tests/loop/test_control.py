"""When a crash is worth a look at the machine."""

from __future__ import annotations

import pytest

from overnight.ledger.records import Measured, Outcome, Role
from overnight.loop.control import is_doubtful
from tests.night import Night, sha


def run(number: int, outcome: Outcome = "crash", role: Role = "candidate", said: str = "KeyError: 'lr'") -> Measured:
    """A run that ended so."""
    return Measured(
        number=number, role=role, commit=sha(number), fingerprint="…", seed=1, outcome=outcome, output_tail=said
    )


@pytest.mark.parametrize(
    "said",
    [
        "RuntimeError: CUDA error: unknown error",
        "Failed to initialize NVML: Driver/library version mismatch",
        "torch.cuda.OutOfMemoryError: CUDA out of memory.",
        "OSError: [Errno 5] Input/output error: '/data/tokens.bin'",
        "NVRM: Xid (PCI:0000:65:00): 79, GPU has fallen off the bus.",
        "its machine was lost while it ran, 3 times: The actor died",
    ],
)
def test_what_speaks_of_the_machine_is_doubtful(night: Night, said: str) -> None:
    assert is_doubtful(night.history, run(1, said=said))
    assert not is_doubtful(night.history, run(1, outcome="ok", said=said))
    assert not is_doubtful(night.history, run(1, outcome="timeout", said=said))


def test_an_ordinary_crash_is_the_candidates(night: Night) -> None:
    assert not is_doubtful(night.history, run(1))


def test_an_incumbent_that_crashes_is_always_doubtful(night: Night) -> None:
    assert is_doubtful(night.history, run(1, role="incumbent"))
    assert is_doubtful(night.history, run(1, role="verify_incumbent"))
    assert not is_doubtful(night.history, run(1, role="verify_candidate"))
    assert not is_doubtful(night.history, run(1, role="verify_best"))


def test_of_crashes_in_a_row_each_third_is_doubtful(night: Night) -> None:
    doubtful = []
    for number in range(1, 8):
        doubtful.append(is_doubtful(night.history, run(number)))
        night.crash(number, "KeyError")
    assert doubtful == [False, False, True, False, False, True, False]
    night.discard(8, 4.0)
    assert not is_doubtful(night.history, run(9))
