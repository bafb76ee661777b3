"""A short part of the torture (`python -m tests.system.torture` is all of it): a night upset here and there goes on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.system.faults import ERRORS, KILL, CannotTraceError, Point, sample
from tests.system.random_kills import random_kills
from tests.system.torture import all_points, at_points, failing_git
from tests.system.trials import Torture
from tests.system.whole_night import Night

SEED = 1
SESSION_SECONDS = 2.5
"""About what the sessions take that are killed at random."""


@pytest.fixture
def torture(tmp_path: Path) -> Torture:
    """Where it is done; it says nothing until the end."""
    return Torture(tmp_path, SEED, say=lambda _: None)


def test_killed_at_random_moments_a_session_goes_on(torture: Torture) -> None:
    random_kills(torture, 8, SESSION_SECONDS)
    _nothing_wrong(torture)


def test_killed_at_a_system_call_or_refused_by_it_a_session_goes_on(torture: Torture) -> None:
    nights, points = _points(torture)
    for fault, count in {KILL: 10, **dict.fromkeys(ERRORS, 3), "ENOSPC+": 1}.items():
        at_points(torture, nights, sample([point for point in points if point.fault == fault], count, SEED))
    torture.look_again()
    _nothing_wrong(torture)


def test_failed_by_git_a_session_says_so_and_goes_on(torture: Torture) -> None:
    failing_git(torture, first=1, last=2)
    _nothing_wrong(torture)


def _points(torture: Torture) -> tuple[dict[str, Night], list[Point]]:
    if sys.platform == "darwin":
        pytest.skip("faults at system calls are made by strace, which macOS does not have")
    try:
        return all_points(torture)
    except CannotTraceError as error:
        pytest.fail(str(error))


def _nothing_wrong(torture: Torture) -> None:
    found = [
        f"{trial.part} {trial.what}: {violation.kind}: {violation.detail}"
        for trial in torture.trials
        for violation in trial.violations
    ]
    assert not found, "\n".join(found)
