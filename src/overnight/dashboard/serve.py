"""The server: on this machine only, until somebody ends it, by itself or beside a session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
import socket
import threading

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from overnight.dashboard.app import create_app
from overnight.dashboard.feed import Feed
from overnight.loop.state import State
from overnight.ports import HERE, bound

PORT = 8712
MOST_CONNECTIONS = 100
"""Whoever is on this machine can connect, token or not, and each connection takes a file that the session may need."""
_BACKLOG = 32


class Dashboard:
    """A server that is bound to its port, and ready to run."""

    def __init__(self, state: State, session: str | None = None, port: int | None = None) -> None:
        """`port`: None for the usual one, or any other that is free. Raises OvernightError if it cannot be had."""
        self._socket = bound("the dashboard", port, PORT)
        token = secrets.token_urlsafe(18)
        self.url = f"http://{HERE}:{self._socket.getsockname()[1]}/{token}/"
        """The address, with its token. Whoever knows it may steer the session."""
        app, feed = create_app(state, token, session)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=1,
            loop="asyncio", http=_Connection, ws="none", lifespan="on", backlog=_BACKLOG,
        )  # fmt: skip
        self._server = _Server(config, feed)
        self._thread: threading.Thread | None = None
        _say_nothing()

    def run(self) -> None:
        """Serve until Ctrl-C or SIGTERM."""
        # The server raises the signal that has ended it once more; that is no accident to die of.
        signal.signal(signal.SIGTERM, lambda *_: None)
        with contextlib.suppress(KeyboardInterrupt):
            self._server.run(sockets=[self._socket])

    def start(self) -> None:
        """Serve from a thread of its own, which never holds up the end of the process."""
        self._thread = threading.Thread(target=self._run_quietly, name="dashboard", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End what `start` began."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout=3)

    def _run_quietly(self) -> None:
        with contextlib.suppress(Exception, SystemExit):  # The session beside it must not notice.
            self._server.run(sockets=[self._socket])


class _Connection(H11Protocol):
    """One of so many; the next is let go at once."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Pages that listen would otherwise be waited for."""
        self._feed.close()
        await super().shutdown(sockets)


def _say_nothing() -> None:
    """What goes wrong is answered to the page; the terminal belongs to the session."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
