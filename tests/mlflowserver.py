"""A real MLflow tracking server of the test's own."""

from __future__ import annotations

import contextlib
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

_PATIENCE_SECONDS = 90.0


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def also_at(port: int, address: str) -> Iterator[str]:
    """Another address of the server at `address`, at which it answers as long as this lasts."""
    host, _, its_port = address.removeprefix("http://").partition(":")

    class Forward(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((host, int(its_port))) as server:
                answering = threading.Thread(target=_pass_on, args=(server, self.request))
                answering.start()
                _pass_on(self.request, server)
                answering.join()

    class Forwarder(socketserver.ThreadingTCPServer):
        allow_reuse_address = daemon_threads = True

    with Forwarder(("127.0.0.1", port), Forward) as forwarder:
        serving = threading.Thread(target=forwarder.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            forwarder.shutdown()
            serving.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while said := source.recv(1 << 16):
            target.sendall(said)
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """The address of a server that keeps what it gets in `folder`, and runs as long as this lasts."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    store = [
        "--backend-store-uri",
        f"sqlite:///{folder}/mlflow.db",
        "--artifacts-destination",
        str(folder / "artifacts"),
    ]
    with (folder / "server.log").open("ab") as log:
        server = subprocess.Popen(
            [*command, *store],
            stdout=log,
            stderr=log,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"},
            start_new_session=True,
        )
    try:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not _answers(f"{address}/health"):
            if time.monotonic() > until or server.poll() is not None:
                raise RuntimeError((folder / "server.log").read_text()[-2000:])
            time.sleep(0.2)
        yield address
    finally:
        os.killpg(server.pid, 15)
        server.wait(_PATIENCE_SECONDS)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
