"""`ledger: postgresql+psycopg://…`: a session whose ledger is on a server, which goes away for a while."""

from __future__ import annotations

import pytest

from tests.postgres import PostgresServer
from tests.system.conftest import SOLVE, Project
from tests.system.test_mistakes import wait_for


@pytest.fixture
def shared(project: Project, postgres: PostgresServer) -> Project:
    """A project whose goal names the server."""
    project.write("solve.py", SOLVE + "import time; time.sleep(0.2)\n")
    project.set(ledger="$TEAM_LEDGER")
    project.commit()
    return project


def test_a_night_on_a_server_that_is_restarted(
    shared: Project, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_LEDGER", postgres.url)
    process = shared.start("run", "--plain", "--no-sandbox")
    wait_for(lambda: "3  keep" in shared.overnight("log").stdout)
    postgres.stop()
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("note: "):
            break
    assert "cannot be used now" in said[-1], said
    assert "next try at" in said[-1]
    postgres.start()
    assert process.wait(60) == 0
    log = shared.log()
    assert [record["verdict"] for record in log] == ["baseline", *["keep"] * 9, *["discard"] * 3]
    assert [record["metric"] for record in log[:10]] == [27 - 3 * n for n in range(10)]
    status = shared.status()
    assert (status["state"], status["experiments"]) == ("finished", 12)
    assert set(status["troubles"]) <= {"ledger"}
    assert not (shared.folder / ".overnight" / "ledger.db").exists()
    assert "is what was written" in shared.ok("doctor")
    for command in (["show", "3"], ["report"], ["export"], ["verify"], ["apply"]):
        shared.ok(*command)
    assert postgres.url not in (shared.folder / ".overnight" / "ledger.json").read_text()


def test_a_folder_goes_on_with_its_own_session_only(
    shared: Project, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_LEDGER", postgres.url)
    shared.ok("run", "--no-sandbox", "--experiments", "1")
    colleague = Project(shared.folder.with_name("colleague"))
    shared.git("clone", "-q", str(shared.folder), str(colleague.folder))
    said = colleague.ok("run", "--no-sandbox", "--experiments", "1")
    assert "begins" in said
    assert colleague.status()["session"] != shared.status()["session"]
    assert [record["number"] for record in colleague.log()] == [0, 1]


def test_a_server_that_is_not_there(shared: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_LEDGER", f"postgresql+psycopg://ada:secret@/none?host={shared.folder}")
    said = shared.refused("run")
    assert "cannot be used now" in said
    assert "secret" not in said
