"""A session in MLflow: it is the MLflow experiment, and each of its experiments is a run.

What is there is found by its tags, so that the same may be sent any number of times: what has not changed is left
alone, what has is brought up to date, and nothing is there twice.
"""

from __future__ import annotations

import logging
import os
import posixpath
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from overnight.errors import OvernightError
from overnight.ledger.accounts import FAILED
from overnight.morning.tools.tracked import Tracked, TrackedSession, missing

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAGE = 1000
_MOST_METRICS = 500
"""Of one run: MLflow takes 1,000 things at a time."""
_TAG = "overnight."
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""MLflow's own settings, where the user has made none: by default it tries a dead server for four minutes."""


class MlflowSession:
    """One session as it stands in MLflow."""

    def __init__(self, uri: str, session: TrackedSession, *, at_once: int = 8) -> None:
        """Looks nothing up yet. `at_once` says how many experiments are sent at a time; one, in the caller's thread.

        Raises OvernightError when MLflow is not installed."""
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow import MlflowClient  # noqa: PLC0415 - takes more than a second to load
        except ModuleNotFoundError:
            raise missing("mlflow", "mlflow") from None
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # What fails is said once, below.
        self._uri = uri
        self._at_once = at_once
        self.session = session
        self._make_client = MlflowClient
        self._client: MlflowClient | None = None
        self._git = Lock()
        """libgit2 does not like to be asked by several threads at once."""
        self._experiment = ""
        self._runs: dict[int, tuple[str, str]] = {}
        """Number → the run's id and the state that it was sent in."""

    def send(self, experiments: Iterable[Tracked]) -> int:
        """Make MLflow say what these are now. Returns how many it did not know, or not like this.

        Raises OvernightError when the server cannot be reached or refuses; then send the same again later.
        """
        try:
            client = self._connect()
            if self._at_once == 1:
                return sum(self._send(client, each) for each in experiments)
            with ThreadPoolExecutor(self._at_once, "mlflow") as pool:
                return sum(pool.map(lambda each: self._send(client, each), experiments))
        except OvernightError:
            raise
        except Exception as error:  # The library and what it stands on have no base class for what may go wrong.
            self._client = None
            raise self._explain(error) from None

    def _explain(self, error: Exception) -> OvernightError:
        words = " ".join(str(error).split())
        if password := urlsplit(self._uri).password:
            words = words.replace(password, "…")
        where = f"MLflow at {_shown(self._uri)}"
        if any(
            sign in words for sign in ("Max retries exceeded", "Connection refused", "timed out", "Failed to resolve")
        ):
            return OvernightError(f"{where} does not answer; is it running, and is the address right?")
        return OvernightError(f"{where} did not take it: {words if len(words) <= 300 else f'{words[:300]}…'}")

    def _connect(self) -> MlflowClient:
        """The client, once it is known what is there already."""
        if self._client is not None:
            return self._client
        client = self._make_client(tracking_uri=self._uri)
        known = client.get_experiment_by_name(self.session.name)
        if known is not None and known.lifecycle_stage != "active":
            raise OvernightError(
                f"the MLflow experiment {self.session.name} was deleted there; restore it "
                f"(`mlflow experiments restore --experiment-id {known.experiment_id}`) or remove it for good"
            )
        self._experiment = known.experiment_id if known else client.create_experiment(self.session.name)
        self._runs = {}
        token: str | None = None
        while True:
            page = client.search_runs(
                [self._experiment],
                f"tags.`{_TAG}id` = '{self.session.id}'",
                max_results=_PAGE,
                order_by=["attributes.start_time"],
                page_token=token,
            )
            for run in page:
                self._take_note(client, run)
            token = page.token
            if not token:
                break
        self._client = client
        return client

    def _take_note(self, client: MlflowClient, run: Any) -> None:
        number = int(run.data.tags[f"{_TAG}number"])
        if number in self._runs:  # Two processes have sent it at the same moment.
            client.delete_run(run.info.run_id)
        else:
            self._runs[number] = (run.info.run_id, run.data.tags.get(f"{_TAG}state", ""))

    def _send(self, client: MlflowClient, each: Tracked) -> bool:
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - see above

        run_id, state = self._runs.get(each.number, ("", ""))
        if state == each.state:
            return False
        session = self.session
        if not run_id:
            known = {f"{_TAG}session": session.session, f"{_TAG}id": session.id, f"{_TAG}number": str(each.number)}
            run = client.create_run(self._experiment, round(1000 * each.began), known, each.name)
            run_id = run.info.run_id
            self._runs[each.number] = (run_id, "")
        if not state:
            with self._git:
                patch = each.patch()
            if patch:
                client.log_text(run_id, patch, "patch.diff")
        ended = round(1000 * each.ended)
        client.set_terminated(run_id, "FAILED" if each.verdict in FAILED else "FINISHED", ended)
        tags = {f"{_TAG}{name}": value for name, value in each.labels.items()}
        tags["mlflow.note.content"] = f"{each.verdict}: {each.labels['reason']}"
        tags[f"{_TAG}state"] = each.state  # It comes last: what was sent in part is sent again.
        client.log_batch(
            run_id,
            [Metric(_allowed(name), value, ended, 0) for name, value in each.metrics.items()][:_MOST_METRICS],
            [Param(name, value) for name, value in each.params.items()] if not state else (),
            [RunTag(name, value) for name, value in tags.items()],
        )
        self._runs[each.number] = (run_id, each.state)
        return True


def _allowed(name: str) -> str:
    """A metric's name as MLflow takes it."""
    plain = re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)[:250]
    return (
        plain if posixpath.normpath(plain) == plain and not plain.startswith(("/", "..")) else plain.replace("/", "_")
    )


def _shown(uri: str) -> str:
    """The address without the password in it."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else uri
