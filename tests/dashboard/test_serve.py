"""The server as a process: `overnight serve`, and beside `overnight run`."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from overnight.cli import serve as command
from overnight.dashboard.serve import MOST_CONNECTIONS, PORT, Dashboard
from overnight.errors import OvernightError
from overnight.loop.state import State
from tests.dashboard.conftest import Client, until
from tests.system.conftest import OVERNIGHT, Project, bare, project

__all__ = ["bare", "project"]


def start(folder: Path, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    """A server, and the address that it prints."""
    process = subprocess.Popen(
        [*OVERNIGHT, *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        found = re.search(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", line)
        if found:
            return process, found[0]
    raise AssertionError(said)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_though_pages_listen(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "goal.md").touch()
    process, url = start(tmp_path, "serve", "--port", str(free_port()))
    page = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    page.request("GET", f"{urlsplit(url).path}api/events")
    assert page.getresponse().readline().startswith(b"event: session")
    began = time.monotonic()
    process.send_signal(number)
    rest = process.communicate(timeout=30)[0]
    assert time.monotonic() - began < 10
    assert process.returncode == 0
    assert rest == "", "nothing is logged, the token least of all"
    page.close()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "goal.md").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*OVERNIGHT, "serve", "--port", str(port)], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert f"cannot have port {port}" in done.stderr
        assert "--port" in done.stderr


def test_the_usual_port_or_any_other(tmp_path: Path) -> None:
    first, second = (Dashboard(State.of(tmp_path)) for _ in range(2))
    for dashboard in (first, second):
        dashboard.start()
    assert first.url != second.url
    ports = {urlsplit(dashboard.url).port for dashboard in (first, second)}
    assert len(ports) == 2
    assert all(Client(dashboard.url).ask("").status == 200 for dashboard in (first, second))
    assert PORT in ports or not is_free(PORT)
    for dashboard in (first, second):
        dashboard.stop()


def test_who_only_connects_cannot_use_up_the_files_of_the_session(tmp_path: Path) -> None:
    dashboard = Dashboard(State.of(tmp_path), port=0)
    dashboard.start()
    address = ("127.0.0.1", urlsplit(dashboard.url).port or 0)
    crowd = [socket.create_connection(address, timeout=10) for _ in range(3 * MOST_CONNECTIONS)]
    until(lambda: sum(map(is_let_go, crowd)) == 2 * MOST_CONNECTIONS, "all but so many are let go")
    for connection in crowd:
        connection.close()
    until(lambda: can_be_asked(dashboard), "there is room again")
    dashboard.stop()


def test_a_session_that_nobody_knows(project: Project) -> None:
    project.ok("run", "--experiments", "1")
    assert "there is no session 'nope'" in project.refused("serve", "--session", "nope")


def test_a_folder_that_has_nothing_to_do_with_it(bare: Project) -> None:
    for name in ("goal.md", "nowhere", "nowhere/goal.md"):
        (bare.folder / "goal.md").unlink(missing_ok=True)
        assert "is it the right folder?" in bare.refused("serve", name)


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("overnight.dashboard")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(OvernightError, match=r"install `overnight\[serve\]`"):
        command.make_dashboard(tmp_path, None, None)


def test_beside_a_session(project: Project) -> None:
    project.set(run=f"sleep 0.3; {sys.executable} solve.py")
    project.commit()
    process, url = start(project.folder, "run", "--serve", "--plain", "--experiments", "3")
    client = Client(url)
    assert client.ask("").status == 200
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 0, said
    assert client.token not in said, "it was printed once"


def test_a_session_ends_though_pages_listen_beside_it(project: Project) -> None:
    project.set(run=f"sleep 0.3; {sys.executable} solve.py")
    project.commit()
    process, url = start(project.folder, "run", "--serve", "--plain", "--experiments", "1")
    page = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    page.request("GET", f"{urlsplit(url).path}api/events")
    page.getresponse().readline()
    assert process.wait(timeout=60) == 0
    page.close()


def test_a_dashboard_that_cannot_be_had_stops_no_session(project: Project) -> None:
    project.write("sitecustomize.py", "import sys\nsys.modules['uvicorn'] = None\n")
    env = {**os.environ, "PYTHONPATH": path_with(project.folder)}
    command = [*OVERNIGHT, "run", "--serve", "--plain", "--experiments", "1"]  # its modules are to be looked for anew
    done = subprocess.run(command, cwd=project.folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "note: there is no dashboard: the dashboard needs the package 'uvicorn'" in done.stdout


def is_let_go(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True
    except BlockingIOError:
        return False


def can_be_asked(dashboard: Dashboard) -> bool:
    try:
        return Client(dashboard.url).ask("").status == 200
    except (ConnectionError, http.client.HTTPException):
        return False


def free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return int(any_port.getsockname()[1])


def is_free(port: int) -> bool:
    with socket.socket() as wanted:
        return wanted.connect_ex(("127.0.0.1", port)) != 0


def path_with(folder: Path) -> str:
    import overnight  # noqa: PLC0415

    return f"{folder}:{Path(overnight.__file__).parents[1]}"
