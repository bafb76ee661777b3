"""A real PostgreSQL server for the tests, started by them: in a folder of its own, on a socket, ended with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _programs() -> Path:
    """The folder of the server's programs, which Debian does not put on PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not found and on_path is None:
        raise RuntimeError("PostgreSQL is not installed: `apt install postgresql`, or `brew install postgresql`")
    return found[-1].parent if found else Path(str(on_path)).parent


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of an empty database, for SQLAlchemy. The server refuses to be root's, so it is another user's then."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # A socket's path must be short.
    programs, data = _programs(), folder / "data"
    become: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def run(*words: str) -> None:
        subprocess.run([*become, *words], check=True, cwd=folder, capture_output=True, text=True)

    run(str(programs / "initdb"), "-D", str(data), "-U", "overnight", "--auth=trust", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
    control = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
    run(*control, "-o", options, "start")
    try:
        yield f"postgresql+psycopg://overnight@/postgres?host={folder}"
    finally:
        run(*control, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
