"""A web server for one folder, on loopback, which counts what it sends. Frozen.

It knows the files that were there when it began and nothing else, so no address leads out of the folder. Like the
servers of most hosts it sends NAME.gz in place of NAME to who understands it. Nothing may be kept: each load is cold.
"""

from __future__ import annotations

import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

TYPES = {".avif": "image/avif", ".webp": "image/webp", ".woff": "font/woff", ".woff2": "font/woff2"}
LARGEST_SITE = 100_000_000
"""Bytes."""


class BrokenSiteError(Exception):
    """Why the page cannot be scored, in one sentence."""


class Server(ThreadingHTTPServer):
    """Serves the folder's files, each by its path."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = _files(folder)
        self.bytes_sent = 0
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"

    def count(self, size: int) -> None:
        with self._lock:
            self.bytes_sent += size

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up in the middle is no news."""


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    with Server(folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def _files(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    if folder / "index.html" not in paths:
        raise BrokenSiteError(f"there is no {folder / 'index.html'}; build.py did not get as far as writing it")
    if sum(path.stat().st_size for path in paths) > LARGEST_SITE:
        raise BrokenSiteError(f"the site is larger than {LARGEST_SITE:,} bytes")
    files = {f"/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in paths}
    return {**files, "/": files["/index.html"], **({"/.gz": gz} if (gz := files.get("/index.html.gz")) else {})}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # header and body leave together: otherwise the kernel holds the second back for 40 ms
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        content = self.server.files.get(path)
        packed = self.server.files.get(f"{path}.gz") if "gzip" in self.headers.get("Accept-Encoding", "") else None
        suffix = Path(path).suffix or ".html"
        body = packed or content or b""
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Type", TYPES.get(suffix) or mimetypes.guess_type(f"_{suffix}")[0] or "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if packed and content is not None:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(body)
        self.server.count(len(body))

    def log_message(self, *args: object) -> None:
        """Silence: standard error is for what went wrong."""
