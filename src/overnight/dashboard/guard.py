"""Who may speak with the dashboard: whoever knows its token, from a page of its own, on this machine.

Everything is under `/TOKEN/`, so there are no cookies that another site could make a browser send. The Host header
must name this machine, or a site whose name leads here could read the answers (DNS rebinding).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 16_384
_HERE = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE)
"""Any port: an ssh tunnel may begin at another."""
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_PREVIEW = re.compile(r"/preview/\d+/\d+")
"""Here, and nowhere else, there is markup that guests wrote: a live variant as people would see it."""
_SHUT_IN = {
    # No scripts, no forms, no new windows, an origin of its own; nothing is loaded but what stands in the page itself.
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'self'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
    "X-DNS-Prefetch-Control": "off",
}
_WRONG_ADDRESS = "Nothing is here. Use the whole address that `overnight serve` has printed.\n"


class Guard:
    """Lets through what may pass, with the token taken off the path, and adds the headers that hold the browser in."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send, _HEADERS))
            return
        inner = self._inner(scope)
        shut_in = _SHUT_IN if _PREVIEW.fullmatch(inner["path"]) else {}
        await self._app(inner, receive, _with_headers(send, {**_HEADERS, **shut_in}))

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not _HERE.fullmatch(hosts[0]):
            return _refused(403, "The dashboard answers to 127.0.0.1 and localhost only.")
        token, slash, _ = scope["path"].removeprefix("/").partition("/")
        if not secrets.compare_digest(token.encode(), self._token.encode()):
            return PlainTextResponse(_WRONG_ADDRESS, 404)
        if not slash:
            return RedirectResponse(f"/{self._token}/", 307)
        for check in (_from_elsewhere, _body_problem):
            refusal = check(scope, headers)
            if refusal is not None:
                return refusal
        return None

    def _inner(self, scope: Scope) -> Scope:
        path = scope["path"].removeprefix(f"/{self._token}")
        return {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}


def _from_elsewhere(scope: Scope, headers: Headers) -> Response | None:
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    opens_the_page = scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate"
    is_own = site in (None, "same-origin", "none") or opens_the_page  # A link in a chat may lead here.
    if origin is not None:
        is_own = is_own and origin.lower() in (f"{scheme}://{headers['host'].lower()}" for scheme in ("http", "https"))
    if is_own and scope["method"] not in ("GET", "HEAD"):
        is_own = origin is not None or site == "same-origin"  # Whoever sends says from where.
    return None if is_own else _refused(403, "Requests from other sites are refused.")


def _body_problem(scope: Scope, headers: Headers) -> Response | None:
    if scope["method"] in ("GET", "HEAD"):
        return None
    if scope["method"] != "POST":
        return _refused(405, "The dashboard knows GET and POST.")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return _refused(415, "Send JSON (Content-Type: application/json).")
    length = headers.get("content-length", "")
    if not length.isdecimal():
        return _refused(411, "Say how long the request is (Content-Length).")
    if int(length) > LARGEST_BODY:
        return _refused(413, f"The request is longer than {LARGEST_BODY} bytes.")
    return None


def _refused(status: int, words: str) -> Response:
    return PlainTextResponse(f"{words}\n", status)


def _with_headers(send: Send, wanted: Mapping[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in wanted.items():
                headers[name] = value
        await send(message)

    return sending
