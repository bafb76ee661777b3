"""How deploy.py and measure.py talk to the server: on this machine, with the token that lies in its folder. Frozen."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen


def ask(program: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """The server's answer; a POST where there is a body."""
    site = Path(os.environ.get("OVERNIGHT_PROJECT", ".")) / "site"
    try:
        address, token = (site / "address").read_text(), (site / "token").read_text()
    except FileNotFoundError:
        raise SystemExit(f"{program}: the server was never started in {site.parent}; run `python server.py`") from None
    data = None if body is None else json.dumps(body).encode()
    headers = {"X-Token": token, "Content-Type": "application/json"}
    try:
        with urlopen(Request(f"{address}/{path}", data, headers), timeout=20) as answer:
            return json.load(answer)
    except HTTPError as error:
        detail = error.read(500).decode("utf-8", "replace")
        raise SystemExit(f"{program}: the server on {address} refuses ({error.code}): {detail}") from None
    except (URLError, OSError, ValueError) as error:
        raise SystemExit(f"{program}: the server on {address} does not answer ({error}); is it running?") from None
