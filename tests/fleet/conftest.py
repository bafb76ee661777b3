"""A user's project for outposts, and a cache of the tests' own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fleet.outposts import Away


@pytest.fixture
def away(tmp_path: Path) -> Away:
    """A project of which runs are made elsewhere."""
    return Away.begin(tmp_path / "project")
