"""`overnight check` tries how many runs may be made at once: with some that notice neighbours, and some that do not."""

from __future__ import annotations

from tests.system.conftest import Project

# Each run takes a seat, and looks for a while who else is there: in its room it sees neither processes nor files.
NOTICES = """import fcntl, time

def is_taken(seat):
    try:
        fcntl.flock(seat, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False

seats = [open(f"seats/{number}") for number in range(8)]
mine = next(seat for seat in seats if not is_taken(seat))
most, until = 0, time.monotonic() + 3
while most < BEARS and time.monotonic() < until:
    taken = []
    for seat in seats:
        if seat is not mine:
            taken.append(is_taken(seat))
            if not taken[-1]:
                fcntl.flock(seat, fcntl.LOCK_UN)
    most = max(most, sum(taken))
    time.sleep(0.05)
time.sleep(0.5)
print("loss:", 27 + (most >= BEARS))
"""


def with_seats(project: Project, bears: int) -> None:
    """Let a run give another number once it has had so many neighbours."""
    for number in range(8):
        project.write(f"seats/{number}", "")
    project.write(".gitignore", "seats\n")
    project.write("solve.py", NOTICES.replace("BEARS", str(bears)))
    project.set(read="seats")
    project.commit()


def slots_line(said: str) -> str:
    return next(line for line in said.splitlines() if line.startswith("slots"))


def test_runs_that_do_not_notice_each_other(project: Project) -> None:
    assert "slots" not in project.ok("check")
    line = slots_line(project.ok("check", "--slots", "2"))
    assert "2 slots: a run beside another takes" in line
    assert "times as long and its metric is the same" in line


def test_runs_that_notice_any_neighbour(project: Project) -> None:
    with_seats(project, bears=1)
    project.set(slots="2")
    said = project.ok("check")
    assert "its metric moves by +" in slots_line(said)
    assert slots_line(said).endswith("; 1 is fair")
    assert "2 runs at a time disturb each other" in said
    assert "write `slots: 1`" in said


def test_half_as_many_are_tried_where_all_are_too_many(project: Project) -> None:
    with_seats(project, bears=2)
    first, second, _ = slots_line(project.ok("check", "--slots", "4")).split("; ")
    assert "4 slots: a run beside 3 others takes" in first
    assert "moves by" in first
    assert "2 slots: a run beside another takes" in second
    assert second.endswith("its metric is the same")
