"""Real servers of the test's own that messages are sent to: one for mail, one for webhooks."""

from __future__ import annotations

import base64
import contextlib
import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Mailbox:
    """What a mail server has taken, and the passwords that it was shown."""

    port: int
    mails: list[Message] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)


@contextlib.contextmanager
def mail_server() -> Iterator[Mailbox]:
    """A mail server on this machine (RFC 5321 as far as a sender needs it, and AUTH PLAIN and LOGIN)."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 test")
            while line := self.rfile.readline():
                match line.split()[0].upper():
                    case b"EHLO":
                        self._say("250-test\r\n250 AUTH LOGIN PLAIN")
                    case b"AUTH":
                        self._log_in(line.decode().split())
                    case b"DATA":
                        self._say("354 go on")
                        lines = []
                        while (part := self.rfile.readline()) != b".\r\n":
                            lines.append(part.removeprefix(b".") if part.startswith(b"..") else part)
                        box.mails.append(message_from_bytes(b"".join(lines), policy=default))
                        self._say("250 taken")
                    case b"QUIT":
                        self._say("221 bye")
                        return
                    case _:
                        self._say("250 ok")

        def _log_in(self, words: list[str]) -> None:
            if words[1].upper() == "LOGIN":
                for _ in range(3 - len(words)):
                    self._say("334 " + base64.b64encode(b"name").decode())
                    self.rfile.readline()
                self._say("334 " + base64.b64encode(b"password").decode())
                given = self.rfile.readline().strip().decode()
            else:
                given = words[2]
            box.logins.append(base64.b64decode(given).decode().split("\0")[-1])
            self._say("235 welcome")

        def _say(self, words: str) -> None:
            self.wfile.write(f"{words}\r\n".encode())

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        box = Mailbox(port)
        yield box


@dataclass
class Webhook:
    """What was posted to a web server, in order."""

    port: int
    posts: list[dict[str, Any]] = field(default_factory=list)
    answers: Callable[[], int] = lambda: 200
    """The status to answer with; may take its time."""


@contextlib.contextmanager
def web_server() -> Iterator[Webhook]:
    """A web server that takes JSON."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = hook.answers()
            if status == 200:
                hook.posts.append(json.loads(body))
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        hook = Webhook(port)
        yield hook


@contextlib.contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def eventually(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it never came to hold"
        time.sleep(0.05)
