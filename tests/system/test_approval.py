"""A person's say on a real session, from the dashboard and from the terminal."""

from __future__ import annotations

from typer.testing import CliRunner

from overnight.cli.main import app
from overnight.loop.events import ApprovalAwaited
from tests.dashboard.conftest import served
from tests.system.conftest import Project
from tests.system.test_live import BETTER, a_world, history_of, out_now, work


def test_approved_in_the_browser_and_turned_down_in_the_terminal(project: Project) -> None:
    a_world(project, BETTER, {**BETTER, "appeal": 0.46}, approve="human")
    with served(project.folder) as client:
        for event in work(project):
            if not isinstance(event, ApprovalAwaited):
                continue
            number, seen = event.proposed.number, client.get("api/state")
            assert (seen["approval"]["number"], seen["summary"]["stand"]) == (number, "approval")
            assert [file["name"] for file in client.get(f"api/variants/{number}")["files"]] == ["page.json"]
            assert out_now(project) is None
            if number == 1:
                assert client.wish("approve", 1).status == 202
            else:
                said = CliRunner().invoke(app, ["reject", "2", "too loud", str(project.folder)])
                assert said.output == "Turned down: nobody meets experiment 2.\n"
        done = client.get("api/state")
    said_of = history_of(project)
    assert said_of[1].startswith("keep: ")
    assert said_of[2] == "discard: a person turned it down: too loud"
    assert done["approval"]["number"] is None
    assert [wish["words"] for wish in done["wishes"]["written"]] == [
        "turned down by a person: experiment 2, too loud",
        "approved by a person: experiment 1",
    ]
