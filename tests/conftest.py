"""What several rooms' tests need."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from overnight.runs.sandbox import NoSandbox, Sandbox, find_sandbox
from tests.browser import chromium
from tests.checkout import Checkout
from tests.night import Night
from tests.postgres import PostgresServer, postgres_server

__all__ = ["chromium"]  # A fixture, for all that look at pages.

hypothesis.settings.register_profile(  # How long an example takes says nothing on a machine that is busy.
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], parent=hypothesis.settings.default
)
hypothesis.settings.load_profile("busy")

_AT_LEAST = 3
"""Tests wait about as often as they compute: two cores have work for three at once."""


def pytest_xdist_auto_num_workers() -> int:
    """How many tests `-n auto` runs at once."""
    return max(os.cpu_count() or 1, _AT_LEAST)


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    """A session that has just begun."""
    begun = Night.begin(tmp_path / "ledger.db")
    yield begun
    begun.ledger.close()


@pytest.fixture(params=["confined", "free"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """The machine's sandbox, then none."""
    if request.param == "free":
        return NoSandbox()
    found = find_sandbox()
    if found is None:
        pytest.skip("there is no sandbox on this machine")
    return found


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL server with an empty database."""
    with postgres_server() as server:
        yield server


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A repository with a few files in it, committed."""
    made = Checkout(tmp_path / "project")
    made.write("train.py", "LR = 0.1\n")
    made.write("lib/deep/util.py", "A = 1\n")
    made.write("lib/other.py", "B = 2\n")
    made.write(".gitignore", "*.log\n")
    made.git("init", "-q", "-b", "main")
    made.commit("start")
    return made
