"""What several rooms' tests need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.night import Night


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    """A session that has just begun."""
    begun = Night.begin(tmp_path / "ledger.db")
    yield begun
    begun.ledger.close()
