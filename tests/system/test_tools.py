"""Sessions in TensorBoard and Weights & Biases, read back by their own readers."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb.proto import wandb_internal_pb2

from tests.system.conftest import Project


@pytest.fixture
def finished(project: Project) -> Project:
    """A finished session."""
    project.ok("run", "--plain", "--no-sandbox")
    return project


def read_events(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_tensorboard_has_a_folder_for_each_experiment_and_the_curves(finished: Project) -> None:
    session = finished.status()["session"]
    for _ in range(2):  # The second time it is written anew, not added to.
        said = finished.ok("export", "--to", "tensorboard")
    assert "13 experiments are in" in said
    folder = finished.folder / ".overnight" / "sessions" / session / "tensorboard" / session
    assert len(list(folder.iterdir())) == 14
    curve = read_events(folder / "session").Scalars("best/loss")
    assert [(point.step, point.value) for point in curve][:3] == [(0, 27.0), (1, 24.0), (2, 21.0)]
    assert curve[12].value == 0.0
    first = read_events(folder / "00001")
    assert [(point.step, point.value) for point in first.Scalars("gain")] == [(1, 3.0)]
    assert first.Scalars("loss")[0].value == 24.0
    patch = first.Tensors("patch/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "    +KNOB = 13" in patch
    started = first.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"set the knob to 13" in started
    assert b"keep" in started


def test_tensorboard_leaves_what_is_not_its_own(finished: Project, tmp_path: Path) -> None:
    session = finished.status()["session"]
    mine = tmp_path / "tb" / session / "session" / "events.out.tfevents.1.mine"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    finished.ok("export", "--to", "tensorboard", "--output", str(tmp_path / "tb"))
    assert mine.read_text() == "mine"


def records_in(log: bytes) -> Iterator[bytes]:
    """The records of a file in LevelDB's log format: blocks of 32 KiB, and a checksum, a length and a kind each."""
    place, whole = 7, b""  # After wandb's own mark.
    while place + 7 <= len(log):
        if (left := 2**15 - place % 2**15) < 7:
            place += left
            continue
        length, kind = struct.unpack_from("<HB", log, place + 4)
        whole += log[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # Full, or the last part.
            yield whole
            whole = b""


def read_wandb(run: Path) -> dict[str, Any]:
    """What an offline run's file says: config, summary and who it is."""
    (place,) = run.glob("*.wandb")
    found: dict[str, Any] = {"summary": {}, "config": {}}
    for data in records_in(place.read_bytes()):
        record = wandb_internal_pb2.Record.FromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            found["id"], found["group"] = record.run.run_id, record.run.run_group
            found["tags"] = list(record.run.tags)
            found["config"] |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
        if kind == "summary":
            for item in record.summary.update:
                found["summary"][item.key or ".".join(item.nested_key)] = json.loads(item.value_json)
    return found


def test_wandb_without_a_login_is_a_folder_to_send_later(finished: Project, tmp_path: Path) -> None:
    session = finished.status()["session"]
    out, home = tmp_path / "out", tmp_path / "home"
    home.mkdir()
    quiet = {"HOME": str(home), "WANDB_API_KEY": ""}
    done = finished.overnight("export", "--to", "wandb", "--output", str(out), **quiet)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"wandb sync {out}/wandb/offline-run-*" in done.stdout
    assert "13 new or changed" in done.stdout
    runs = {run["config"]["number"]: run for run in map(read_wandb, (out / "wandb").glob("offline-run-*"))}
    assert set(runs) == {str(number) for number in range(13)}
    first = runs["1"]
    assert first["group"] == f"overnight/project/{session}"
    assert first["tags"] == ["keep"]
    assert first["config"]["hypothesis"] == "set the knob to 13"
    assert first["summary"]["loss"] == 24.0
    assert first["summary"]["verdict"] == "keep"
    (patch,) = (out / "wandb").glob(f"offline-run-*-{first['id']}/files/patch.diff")
    assert "+KNOB = 13" in patch.read_text()
    again = finished.overnight("export", "--to", "wandb", "--output", str(out), **quiet)
    assert "0 new or changed" in again.stdout
    assert len(list((out / "wandb").glob("offline-run-*"))) == 13
    wrong = finished.overnight("export", "--to", "wandb", **{**quiet, "WANDB_MODE": "sometimes"})
    assert wrong.returncode == 2
    assert "wandb cannot be used" in wrong.stderr
    off = finished.overnight("export", "--to", "wandb", **{**quiet, "WANDB_MODE": "disabled"})
    assert off.returncode == 2
    assert "WANDB_MODE=disabled" in off.stderr


def test_the_command_line_loads_none_of_the_tools(finished: Project) -> None:
    code = (
        "import sys\nfrom overnight.cli.main import app\nimport overnight.cli.exporting, overnight.loop.session\n"
        "print([name for name in ('mlflow', 'wandb', 'tensorboardX', 'apprise') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
