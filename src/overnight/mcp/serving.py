"""The server over HTTP: on this machine only, for whoever knows its address, until somebody ends it."""

from __future__ import annotations

import contextlib
import logging
import secrets
import signal
from pathlib import Path

import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from overnight.folders import write_whole
from overnight.loop.state import State
from overnight.mcp.server import make_server
from overnight.ports import HERE, bound

PORT = 8713


class HttpServer:
    """Bound to its port, and ready to run."""

    def __init__(self, goal: Path, port: int | None = None) -> None:
        """`port`: None for the usual one, or any other that is free. Raises OvernightError if it cannot be had."""
        self._socket = bound("the MCP server", port, PORT)
        here = self._socket.getsockname()[1]
        path = f"/{_token(State.of(goal.parent))}/mcp"
        self.url = f"http://{HERE}:{here}{path}"
        """The address. Whoever knows it may use all tools."""
        # Any port in the Host header: an ssh tunnel may begin at another. A page of another site has no business here.
        security = TransportSecuritySettings(
            allowed_hosts=[name + port for name in (HERE, "localhost", "[::1]") for port in ("", ":*")],
            allowed_origins=[f"http://{name}:{here}" for name in (HERE, "localhost")],
        )
        app = make_server(goal).streamable_http_app(streamable_http_path=path, transport_security=security)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=1, ws="none"
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Serve until Ctrl-C or SIGTERM."""
        for name in ("uvicorn", "uvicorn.error", "mcp"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # What goes wrong is answered to the client.
        # The server raises the signal that has ended it once more; that is no accident to die of.
        signal.signal(signal.SIGTERM, lambda *_: None)
        with contextlib.suppress(KeyboardInterrupt):
            self._server.run(sockets=[self._socket])


def _token(state: State) -> str:
    """The secret in the address: the same each time, so that it can stand in a client's settings."""
    state.create()
    place = state.folder / "mcp-token"
    token = place.read_text().strip() if place.exists() else ""
    if not token:
        token = secrets.token_urlsafe(18)
        write_whole(place, token, mode=0o600)
    return token
