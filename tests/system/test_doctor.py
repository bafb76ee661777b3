"""`overnight doctor`: what is damaged is said in plain words, and mended where nothing true is lost by it."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from overnight.loop.doctor import verdicts_missing
from tests.night import Night
from tests.system.conftest import Project

PAGE = 4096


@pytest.fixture
def finished(project: Project) -> Project:
    """Twelve experiments, nine kept; the ledger is one file."""
    project.ok("run", "--no-sandbox", "--plain")
    with sqlite3.connect(ledger_of(project)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return project


def ledger_of(project: Project) -> Path:
    """The ledger's file."""
    return project.folder / ".overnight" / "ledger.db"


def branch_of(project: Project) -> str:
    """The kept changes' branch."""
    return f"overnight/{project.status()['session']}"


def assert_night(project: Project) -> None:
    """The history is that of an undisturbed night."""
    log = project.log()
    assert [record["number"] for record in log] == list(range(13))
    assert [record["verdict"] for record in log] == ["baseline", *["keep"] * 9, *["discard"] * 3]
    assert project.git("rev-parse", branch_of(project)).strip() == log[9]["commit"]
    assert "ok:" in project.ok("doctor")


def test_a_healthy_session(finished: Project) -> None:
    for look in ([], ["--look"]):
        said = finished.ok("doctor", *look)
        assert "every event in ledger.db is what was written, and none is missing" in said
        assert "12 experiments and 9 keeps, and git says the same" in said
    assert len(list((finished.folder / ".overnight").glob("ledger.db*"))) == 1


def test_only_a_finished_session_has_to_have_all_verdicts(tmp_path: Path) -> None:
    night = Night.begin(tmp_path / "ledger.db")
    night.baseline(1.0)
    for number in (1, 2):
        night.propose(number)
    night.stop("interrupted")
    assert list(verdicts_missing(night.history)) == []
    night.stop("all 2 experiments are done", finished=True)
    assert len(list(verdicts_missing(night.history))) == 2


def test_nothing_was_run_yet(project: Project) -> None:
    assert "nothing was run here yet" in project.refused("doctor")


def test_refs_and_branch_are_put_back(finished: Project) -> None:
    branch = branch_of(finished)
    session = branch.removeprefix("overnight/")
    finished.git("update-ref", f"refs/overnight/{session}/11", "HEAD")
    finished.git("update-ref", "-d", f"refs/overnight/{session}/12")
    finished.git("branch", "-f", branch, "main")
    said = finished.refused("doctor", "--look")
    assert "could be mended:" in said
    said = finished.ok("doctor")
    assert "the candidate of experiment 11 had no ref, or another one" in said
    assert "the candidate of experiment 12 had no ref, or another one" in said
    assert f"the branch {branch} was not where its last keep is" in said
    assert_night(finished)


def test_a_candidate_that_git_has_lost_is_named(finished: Project) -> None:
    session = finished.status()["session"]
    finished.git("update-ref", "-d", f"refs/overnight/{session}/11")
    finished.git("gc", "--quiet", "--prune=now")
    assert "the candidate of experiment 11" in (said := finished.refused("doctor"))
    assert "is gone from git" in said


def test_an_event_that_was_changed_behind_the_triggers_back_is_not_believed(finished: Project) -> None:
    with sqlite3.connect(ledger_of(finished)) as connection:
        connection.execute("DROP TRIGGER events_are_never_changed")
        connection.execute(
            "UPDATE events SET payload = replace(payload, '\"metric\":24.0', '\"metric\":1.0') "
            "WHERE kind = 'judged' AND number = 1"
        )
    connection.close()
    assert "(judged) is not what was written" in finished.refused("doctor", "--look")
    said = finished.ok("doctor")
    assert "the damaged file is kept as ledger.db.damaged-" in said
    assert "1 verdicts" in said or "verdicts come from what git remembers" in said
    assert finished.log()[1]["metric"] == 24
    assert_night(finished)


@pytest.mark.parametrize("share", [0.9, 0.6, 0.3])
def test_a_truncated_ledger_is_recovered_to_what_is_true_in_it(finished: Project, share: float) -> None:
    path = ledger_of(finished)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share) // PAGE * PAGE + 1000])
    before = {record["number"]: record for record in finished_log(finished, whole)}
    assert "overnight doctor" in finished.overnight("log").stderr
    finished.ok("doctor")
    after = {record["number"]: record for record in finished.log()}
    assert after.keys() == before.keys()
    for number, record in after.items():
        assert record["hypothesis"] == before[number]["hypothesis"]
        assert record["verdict"] == before[number]["verdict"]
        assert record["commit"] == before[number]["commit"]
    assert_night(finished)


def finished_log(project: Project, whole: bytes) -> list[dict[str, object]]:
    """The history as an undamaged copy of the ledger tells it."""
    path = ledger_of(project)
    damaged = path.read_bytes()
    path.write_bytes(whole)
    log = project.log()
    path.write_bytes(damaged)
    for companion in (path.with_name("ledger.db-wal"), path.with_name("ledger.db-shm")):
        companion.unlink(missing_ok=True)
    return [dict(record) for record in log]


@pytest.mark.parametrize("place", [0.0, 0.2, 0.4, 0.6, 0.8])
def test_an_overwritten_page_costs_only_what_was_on_it(finished: Project, place: float) -> None:
    path = ledger_of(finished)
    content = bytearray(path.read_bytes())
    at = int(len(content) * place) // PAGE * PAGE
    content[at : at + PAGE] = b"\xa5" * PAGE
    path.write_bytes(content)
    finished.ok("doctor")
    assert_night(finished)


def test_refs_alone_make_a_readable_history(finished: Project) -> None:
    shutil.rmtree(finished.folder / ".overnight")
    assert "nothing was run" in finished.refused("log")
    said = finished.ok("doctor")
    assert "come from what git remembers" in said
    assert_night(finished)
    log = finished.log()
    assert [record["metric"] for record in log[:10]] == [27 - 3 * n for n in range(10)]
    assert log[11]["hypothesis"] == "set the knob to 43"
    assert log[11]["metric"] is None
    assert "+KNOB = 43" in finished.ok("show", "11")
    assert "was rebuilt from what git remembers" in finished.refused("run", "--no-sandbox", "--experiments", "20")
    assert "9 kept changes" in finished.ok("apply")
    finished.ok("run", "--new", "--no-sandbox", "--experiments", "1")


def test_a_recovered_session_goes_on(finished: Project) -> None:
    path = ledger_of(finished)
    path.write_bytes(path.read_bytes()[: -2 * PAGE])
    finished.ok("doctor")
    finished.ok("run", "--no-sandbox", "--experiments", "14")
    assert [record["number"] for record in finished.log()] == list(range(15))
    assert "ok:" in finished.ok("doctor")
