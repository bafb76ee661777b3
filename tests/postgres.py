"""A real PostgreSQL server for the tests, started by them: in a folder of its own, on a socket, ended with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PostgresServer:
    """A server that can be stopped and started."""

    folder: Path

    @property
    def url(self) -> str:
        """The address of its database, for SQLAlchemy."""
        return f"postgresql+psycopg://overnight@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.folder}'"
        self._control("-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """End it at once, as a failure would."""
        self._control("-w", "-m", "immediate", "stop")

    def _control(self, *words: str) -> None:
        _run(self.folder, "pg_ctl", "-D", str(self.folder / "data"), *words)


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A running server with an empty database. It refuses to be root's, so it is another user's then."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # A socket's path must be short.
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    _run(folder, "initdb", "-D", str(folder / "data"), "-U", "overnight", "--auth=trust", "--no-sync")
    server = PostgresServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _run(folder: Path, program: str, *words: str) -> None:
    become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    # Not `capture_output`: the server would hold the pipe open.
    done = subprocess.run(
        [*become, str(_programs() / program), *words], check=False, cwd=folder, stdout=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{program} failed: {(folder / 'log').read_text() if program == 'pg_ctl' else ''}"


def _programs() -> Path:
    """The folder of the server's programs, which Debian does not put on PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        raise RuntimeError("PostgreSQL is not installed: `apt install postgresql`, or `brew install postgresql`")
    return found[-1].parent if found else Path(str(on_path)).parent
