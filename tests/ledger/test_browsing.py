"""Pages of verdicts, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from overnight.ledger.browsing import FILTERS, Browsing, newest_event
from overnight.ledger.records import Steered
from tests.night import Night
from tests.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Night]:
    """A short night in either database."""
    if request.param == "sqlite":
        night = Night.begin(tmp_path / "ledger.db", "browsed")
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        night = Night.begin(server.url, "browsed")
    night.baseline(10.0)
    night.keep(1, 9.0, "Raise it")
    night.discard(2, 11.0, "100% of_it", undecided=True)
    night.crash(3, "failed")
    night.keep(4, 8.0, "Ärger: too good", flags=("odd",))
    night.judge(1, "discard", metric=9.0, hypothesis="Raise it")
    yield night
    night.ledger.close()


def test_browsing(told: Night) -> None:
    browsing = Browsing(told.ledger, "browsed")

    def numbers(**wanted: object) -> list[int]:
        return [event.record.number for event in browsing.page(50, **wanted)]  # type: ignore[arg-type, union-attr, misc]

    assert numbers() == [4, 3, 2, 1, 0]
    assert (numbers(before=3), numbers(after=2)) == ([2, 1, 0], [4, 3])
    found = {only: numbers(only=only) for only in FILTERS}
    assert found["kept"] == [4]
    assert found["not_better"] == [2, 1]
    assert found["failed"] == [3]
    assert found["suspicious"] == [4]
    assert found["open"] == [2]
    assert (numbers(words="RAISE"), numbers(words="%"), numbers(words="f_i")) == ([1], [2], [2])
    assert (numbers(words="Ärger"), numbers(words="ÄRGER: TOO")) == ([4], [4])
    assert [judged.number for judged in told.history.kept()] == [4]
    dots = told.history.dots_after(0)
    assert dots[-1][1:] == (1, "discard", 9.0, None)
    assert len(browsing.verdicts_after(dots[-2][0], 10)) == 1
    assert newest_event(told.ledger) == dots[-1][0]
    told.history.append(Steered(request="0" * 16, act="pause"), Steered(request="1" * 16, act="resume"))
    assert [event.record.act for event in browsing.newest_steered(1)] == ["resume"]  # type: ignore[union-attr]
    assert told.history.paused() is None
