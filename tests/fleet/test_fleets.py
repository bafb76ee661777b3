"""A session's slots, wherever its goal says they are; of those elsewhere their own tests tell."""

from __future__ import annotations

from overnight.fleet.slot import Task
from tests.fleet.outposts import Away


def test_slots_on_this_machine_have_copies_of_their_own(away: Away) -> None:
    fleet = away.open(slots=2)
    assert [slot.number for slot in fleet.slots] == [0, 1]
    runs = [slot.measure(Task(away.base, 1, "candidate", slot.number)) for slot in fleet.slots]
    assert [(run.value, run.slot) for run in runs] == [(3, 0), (3, 1)]
    work = away.project.folder / ".overnight" / "work"
    assert (work / "run").is_dir()
    assert (work / "slot-1" / "run").is_dir()
    fleet.close()
    assert not list((away.project.folder / ".overnight" / "work").rglob("run"))
