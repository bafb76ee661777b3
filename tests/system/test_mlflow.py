"""Sessions in MLflow: a real tracking server, read back through its own client."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from overnight.goal.settings import Settings
from overnight.ledger.history import History
from overnight.ledger.reader import LedgerReader
from overnight.loop.events import SessionClosed, SessionEvent, SessionOpened
from overnight.loop.tracking import Tracker
from overnight.morning.tools.tracked import TrackedSession
from overnight.repo.git import create_repository
from tests.mlflowserver import also_at, free_port, mlflow_server
from tests.night import SETTINGS, Night
from tests.system.conftest import OVERNIGHT, Project


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


def runs_of(server: str, project: Project) -> dict[int, Any]:
    """The runs of the project's session, by their experiment's number; each number is there once."""
    client = MlflowClient(tracking_uri=server)
    experiment = client.get_experiment_by_name(f"overnight/project/{project.status()['session']}")
    assert experiment is not None
    # Other tests' folders have the same name, and their sessions that of the day.
    with contextlib.closing(LedgerReader(project.folder / ".overnight" / "ledger.db")) as reader:
        own_id = TrackedSession.of(History(reader, project.status()["session"]), "project").id
    found = client.search_runs([experiment.experiment_id], max_results=1000)
    own = [run for run in found if run.data.tags["overnight.id"] == own_id]
    by_number = {int(run.data.tags["overnight.number"]): run for run in own}
    assert len(by_number) == len(own)
    return by_number


def patch_of(server: str, run: Any, folder: Path) -> str:
    client = MlflowClient(tracking_uri=server)
    return Path(client.download_artifacts(run.info.run_id, "patch.diff", str(folder))).read_text()


@pytest.fixture
def finished(project: Project) -> Project:
    """A finished session."""
    project.ok("run", "--plain", "--no-sandbox")
    return project


def test_each_experiment_is_a_run_with_all_that_is_known_and_only_once(
    finished: Project, server: str, tmp_path: Path
) -> None:
    assert "13 new or changed" in finished.ok("export", "--to", "mlflow", "--uri", server)
    runs = runs_of(server, finished)
    assert set(runs) == set(range(13))
    baseline, first, last = runs[0], runs[1], runs[12]
    assert baseline.data.tags["overnight.verdict"] == "baseline"
    assert first.data.params["hypothesis"] == "set the knob to 13"
    assert first.data.params["proposer"] == "sh agent.sh"
    assert first.data.tags["overnight.verdict"] == "keep"
    assert first.data.tags["overnight.commit"] == finished.log()[1]["commit"]
    assert first.data.metrics["loss"] == 24.0
    assert first.data.metrics["gain"] == first.data.metrics["gain_low"] == 3.0
    assert first.data.metrics["wall_seconds"] > 0
    assert first.info.status == "FINISHED"
    assert first.info.end_time > first.info.start_time > 0
    assert last.data.tags["overnight.verdict"] == "discard"
    assert "+KNOB = 13" in patch_of(server, first, tmp_path)
    assert "0 new or changed" in finished.ok("export", "--to", "mlflow", "--uri", server)
    finished.ok("run", "--plain", "--no-sandbox", "--experiments", "14")
    done = finished.overnight("export", "--to", "mlflow", MLFLOW_TRACKING_URI=server)
    assert "2 new or changed" in done.stdout
    assert set(runs_of(server, finished)) == set(range(15))


def test_experiments_appear_while_the_session_runs(project: Project, server: str) -> None:
    project.set(mlflow="$TEAM_MLFLOW", agent="sleep 0.7; sh agent.sh")
    seen = 0
    with subprocess.Popen(
        [*OVERNIGHT, "run", "--plain", "--no-sandbox"],
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TEAM_MLFLOW": server},
    ) as session:
        until = time.monotonic() + 60
        while session.poll() is None and time.monotonic() < until and not seen:
            time.sleep(0.5)
            try:
                seen = len(runs_of(server, project))
            except AssertionError:
                continue
        assert session.poll() is None, "nothing was to be seen while it ran"
        assert session.wait(60) == 0
    assert 0 < seen < 13
    runs = runs_of(server, project)
    assert set(runs) == set(range(13))
    assert all("overnight.state" in run.data.tags for run in runs.values())


class BusyTracker(Tracker):
    """Is still at its first event when everything has been said."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._all_said = threading.Event()

    def handle(self, event: SessionEvent) -> None:
        self._all_said.wait(30)
        super().handle(event)

    def close(self, until: float) -> None:
        threading.Timer(0.5, self._all_said.set).start()
        super().close(until)


def test_the_last_verdicts_are_sent_however_close_the_end_is(server: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("KNOB = 10\n")
    create_repository(tmp_path)
    night = Night.begin(tmp_path / "ledger.db")
    night.baseline(10.0)
    tracker = BusyTracker(server, tmp_path / "ledger.db", tmp_path)
    tracker.follow(SessionOpened("s", Settings.model_validate(SETTINGS), "0" * 40, None))
    tracker.follow(SessionClosed(finished=True, reason="done"))
    tracker.close(time.monotonic() + 60)
    assert tracker.notices() == []
    client = MlflowClient(tracking_uri=server)
    experiment = client.get_experiment_by_name(f"overnight/{tmp_path.name}/s")
    assert experiment is not None
    assert len(client.search_runs([experiment.experiment_id])) == 1


def test_what_a_server_that_was_down_has_missed_is_made_up_for(project: Project, server: str) -> None:
    port = free_port()
    project.set(mlflow=f"http://me:secret-word-1@127.0.0.1:{port}")
    said = project.ok("run", "--plain", "--no-sandbox", "--experiments", "3")
    assert said.count(f"MLflow at http://127.0.0.1:{port} does not answer") == 1
    assert "secret-word-1" not in said
    assert "does not answer" in project.refused("export", "--to", "mlflow")
    with also_at(port, server) as address:
        project.ok("run", "--plain", "--no-sandbox", "--experiments", "5")
        assert set(runs_of(address, project)) >= set(range(4))
        project.ok("export", "--to", "mlflow")  # A session that ends does not wait for a slow server for ever.
        assert set(runs_of(address, project)) == set(range(6))


def test_what_is_missing_is_one_sentence(finished: Project) -> None:
    assert "name its server by --uri" in finished.refused("export", "--to", "mlflow")
    assert "--uri is MLflow's" in finished.refused("export", "--to", "tensorboard", "--uri", "http://x")
    finished.set(mlflow="$OVERNIGHT_UNSET_URL")
    assert "goal.md:2: `mlflow`: $OVERNIGHT_UNSET_URL is not set" in finished.refused("run", "--plain")
    finished.set(mlflow="localhost")
    assert "this is no address of a server" in finished.refused("check")
