"""The folder `.overnight/` and the lock on it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from overnight.errors import OvernightError, SessionError
from overnight.loop.state import Holder, State

HOLD = """
import signal, sys, time
from pathlib import Path
from overnight.loop.state import State
with State.of(Path(sys.argv[1])).locked():
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    print("held", flush=True)
    time.sleep(60)
"""


def test_it_is_ignored_by_git_through_a_file_of_its_own(tmp_path: Path) -> None:
    State.of(tmp_path).create()
    assert (tmp_path / ".overnight" / ".gitignore").read_text() == "*\n"
    assert [entry.name for entry in tmp_path.iterdir()] == [".overnight"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / ".overnight").write_text("a file of the user's")
    with pytest.raises(OvernightError, match="cannot be written"):
        State.of(tmp_path).create()


def test_only_one_at_a_time_and_a_dead_one_holds_nothing(tmp_path: Path) -> None:
    state = State.of(tmp_path)
    assert state.holder() is None
    assert state.stop_holder() is None
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        holder = state.holder()
        assert holder is not None
        assert holder.pid == other.pid
        with pytest.raises(SessionError, match=f"process {other.pid}.*overnight stop"), state.locked():
            pass
        other.kill()
    assert state.holder() is None
    with state.locked():
        pass


def test_stop_asks_and_waits(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        stopped = State.of(tmp_path).stop_holder()
        assert stopped is not None
        assert other.wait(10) == 0


def test_what_a_dead_process_wrote_into_the_lock_is_nobody(tmp_path: Path) -> None:
    state = State.of(tmp_path)
    state.create()
    with subprocess.Popen([sys.executable, "-c", "pass"]) as dead:
        pass
    (state.folder / "lock").write_text(json.dumps({"pid": dead.pid, "since": 1e9, "host": socket.gethostname()}))
    assert state.holder() is None
    with state.locked():
        assert state.folder.joinpath("lock").read_text()


def test_a_holder_says_who_where_and_since_when() -> None:
    here = Holder(7, time.time(), socket.gethostname())
    assert str(here).startswith("process 7, since ")
    assert len(str(here)) == len("process 7, since 12:34")
    there = Holder(7, 1e9, "elsewhere")
    assert not there.is_here
    assert str(there).startswith("process 7 on elsewhere, since 2001-09-")


def test_where_the_ledger_is_is_remembered_without_what_is_in_the_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State.of(tmp_path)
    state.create()
    assert (state.ledger_place, state.home) == (tmp_path / ".overnight" / "ledger.db", "")
    monkeypatch.setenv("TEAM", "postgresql+psycopg://ada:secret@db/team")
    state.use_ledger("$TEAM")
    home = state.home
    assert state.ledger_place == "postgresql+psycopg://ada:secret@db/team"
    assert home
    assert "secret" not in (state.folder / "ledger.json").read_text()
    state.use_ledger("postgresql+psycopg://db/other")
    assert state.home == home
    state.use_ledger(None)
    assert state.home == ""
