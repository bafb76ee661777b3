"""Room on the disk: what makes way, and when it is not enough."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from overnight.errors import Trouble
from overnight.loop.disk import Disk, DiskRoom
from tests.night import Night

LOG_MB = 100.0


class Shelf:
    """A disk of 10 GiB on which only the logs count, each as if it were of 100 MiB."""

    def __init__(self, state: Path, others_mb: float) -> None:
        self.state = state
        self.others_mb = others_mb

    def look(self, _place: Path) -> Disk:
        """How full it is."""
        logs = len(list(self.state.glob("sessions/*/logs/*.log")))
        return Disk(10_240 - self.others_mb - LOG_MB * logs, 10_240)


def logs_of(state: Path, session: str, numbers: range, age: float) -> None:
    """One output for each experiment, the first the oldest."""
    folder = state / "sessions" / session / "logs"
    folder.mkdir(parents=True)
    for number in numbers:
        log = folder / f"{number}-candidate-1.log"
        log.write_text("…")
        os.utime(log, (1e9 - age + number, 1e9 - age + number))
    os.utime(folder, (1e9 - age, 1e9 - age))


def left_in(state: Path, session: str) -> list[int]:
    """The experiments whose outputs are still there."""
    return sorted(int(log.name.split("-")[0]) for log in (state / "sessions" / session / "logs").iterdir())


@pytest.fixture
def room(tmp_path: Path, night: Night) -> tuple[Path, Night]:
    """Two sessions: an old one of ten experiments, and the present one of forty, the third of them kept."""
    night.baseline(3.0)
    for number in range(1, 41):
        night.propose(number)
        if number == 3:
            night.keep(3, 2.0)
        else:
            night.discard(number, 4.0)
    logs_of(tmp_path, "old", range(10), age=1e6)
    logs_of(tmp_path, "s", range(41), age=0)
    return tmp_path, night


def test_nothing_makes_way_while_there_is_room(room: tuple[Path, Night]) -> None:
    state, night = room
    DiskRoom(state, state, night.history, Shelf(state, 4000).look).must_suffice()
    assert left_in(state, "old") == list(range(10))


def test_the_oldest_make_way_first_and_no_more_than_is_needed(room: tuple[Path, Night]) -> None:
    state, night = room
    DiskRoom(state, state, night.history, Shelf(state, 4600).look).must_suffice()
    assert left_in(state, "old") == [5, 6, 7, 8, 9]
    assert left_in(state, "s") == list(range(41))


def test_what_is_kept_and_the_newest_stay_whatever_happens(room: tuple[Path, Night]) -> None:
    state, night = room
    with pytest.raises(
        Trouble, match=r"only -?[\d.]+ MiB are free .*; the session goes on once there are 256"
    ) as trouble:
        DiskRoom(state, state, night.history, Shelf(state, 9000).look).must_suffice()
    assert trouble.value.kind == "disk"
    assert left_in(state, "old") == []
    assert left_in(state, "s") == [0, 3, *range(21, 41)]


def test_little_room_after_pruning_is_enough_to_go_on(room: tuple[Path, Night]) -> None:
    state, night = room
    DiskRoom(state, state, night.history, Shelf(state, 7700).look).must_suffice()
    assert left_in(state, "s") == [0, 3, *range(21, 41)]


@pytest.mark.parametrize(
    ("free", "total", "enough"), [(256, 10**6, True), (255, 10**6, False), (5, 100, True), (4, 100, False)]
)
def test_of_a_small_disk_a_share_is_enough(free: float, total: float, enough: bool) -> None:
    assert Disk(free, total).has(256, 0.05) == enough
