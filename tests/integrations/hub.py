"""GitHub's REST API as far as pull requests go: a real server, on a repository on this disk."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Hub:
    """What the server knows of `ada/project`."""

    repository: Path
    """Bare."""
    token: str
    allows_pull_requests: bool = True
    address: str = ""
    pulls: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, method: str, target: str, token: str, content: dict[str, Any]) -> tuple[int, object]:
        """The status, and what is said."""
        url = urlsplit(target)
        if token != f"Bearer {self.token}":
            return 401, {"message": "Bad credentials"}
        if url.path != "/repos/ada/project/pulls":
            return 404, {"message": "Not Found"}
        if method == "GET":
            asked = {key: values[0] for key, values in parse_qs(url.query).items()}
            states = {"open", "closed"} if asked["state"] == "all" else {asked["state"]}
            return 200, [pull for pull in self.pulls if pull["head"] == asked["head"] and pull["state"] in states]
        return self._open(content)

    def _open(self, content: dict[str, Any]) -> tuple[int, object]:
        if not self.allows_pull_requests:
            return 403, {"message": "GitHub Actions is not permitted to create or approve pull requests."}
        head, base = (self._tip(content[name]) for name in ("head", "base"))
        if head is None or base is None or head == base:
            return 422, {"message": "Validation Failed"}
        if any(pull["head"] == f"ada:{content['head']}" and pull["state"] == "open" for pull in self.pulls):
            return 422, {"message": "Validation Failed", "errors": [{"message": "A pull request already exists"}]}
        number = len(self.pulls) + 1
        pull = {**content, "number": number, "state": "open", "head": f"ada:{content['head']}", "commit": head}
        pull["html_url"] = f"https://example.org/ada/project/pull/{number}"
        self.pulls.append(pull)
        return 201, pull

    def _tip(self, branch: str) -> str | None:
        command = ["git", "rev-parse", "--verify", "-q", f"refs/heads/{branch}"]
        done = subprocess.run(command, cwd=self.repository, capture_output=True, text=True, check=False)
        return done.stdout.strip() or None


@contextlib.contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """The hub, to be reached at its address as long as this lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def _answer(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            status, said = hub.answer(self.command, self.path, self.headers.get("Authorization", ""), content)
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        hub.address = f"http://127.0.0.1:{server.server_port}"
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
