"""The web server: shows each visitor one version of the page, and counts who signs up. Frozen.

    python server.py                      on http://127.0.0.1:8200, with what it keeps in site/
    python server.py --port 0 --data DIR  on a free port

It listens on this machine only. README.md says how to put it behind a web server that people can reach.
"""

from __future__ import annotations

import argparse
import hmac
import os
import re
import socket
from pathlib import Path
from urllib.parse import parse_qsl

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader
from page import BrokenPageError, parse, read
from pydantic import BaseModel, Field
from visits import Out, Visits

HERE = Path(__file__).parent
COOKIE, COOKIE_SECONDS = "visitor", 90 * 24 * 3600
LARGEST_FORM = 10_000
BOTS = re.compile(r"bot\b|bot/|crawl|spider|slurp|preview|monitor|curl|wget|python|\bjava/|go-http", re.IGNORECASE)
HEADERS = {
    # What one visitor is shown must not be kept for another, and the page needs nothing from anywhere else.
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; form-action 'self'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
THANKS = (
    "<!doctype html><html lang=en><title>Rowbook</title><h1>Thank you</h1><p>We have it, and will write to you.</p>"
)
PIXEL = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00" + (
    b"\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


def signed_up(fields: dict[str, str]) -> None:
    """What becomes of a form that was sent: nothing here. This is the place for your own mail or database."""


class Deployment(BaseModel):
    """What deploy.py sends."""

    trial: str = Field(pattern=r"^[\w.-]{1,120}$")
    incumbent: str
    candidate: str | None


class Site:
    """Which version a visitor meets, and the page that is made of it."""

    def __init__(self, visits: Visits) -> None:
        self.visits = visits
        self.out = visits.out() or Out("", read(HERE), None)
        self._template = Environment(loader=FileSystemLoader(HERE), autoescape=True).get_template("page.html")
        self._pages: dict[tuple[str, str], str] = {}

    def deploy(self, out: Out) -> None:
        """From now on people meet this."""
        for text in (out.incumbent, out.candidate):
            parse(text or out.incumbent)
        self.visits.deploy(out)
        self.out, self._pages = out, {}

    def who(self, request: Request) -> str | None:
        """The visitor's number, if the request brings a cookie that was given to somebody."""
        return self.visits.visitor(request.cookies.get(COOKIE, ""))

    def takes_part(self, visitor: str) -> bool:
        """Whether there is a trial, and this visitor is one of its people."""
        return self.out.candidate is not None and self.visits.takes_part(self.out.trial, visitor)

    def page(self, visitor: str | None) -> str:
        """What this visitor is shown; the incumbent for everybody who is no part of a trial."""
        text, trial = self.out.incumbent, ""
        if visitor and self.takes_part(visitor):
            trial = self.out.trial
            if self.out.candidate is not None and self.visits.side(trial, visitor) == "candidate":
                text = self.out.candidate
        if (text, trial) not in self._pages:
            self._pages[text, trial] = self._template.render(page=parse(text), trial=trial)
        return self._pages[text, trial]


def make_app(site: Site) -> FastAPI:
    """What the server answers."""
    app = FastAPI(openapi_url=None)
    _answer_visitors(app, site)
    _answer_the_owner(app, site)
    return app


def _answer_visitors(app: FastAPI, site: Site) -> None:
    @app.get("/")
    async def landing_page(request: Request) -> Response:
        if BOTS.search(request.headers.get("user-agent", "bot/")):
            return HTMLResponse(site.page(None), headers=HEADERS)
        visitor = site.who(request)
        cookie = "" if visitor else site.visits.new_cookie()
        page = HTMLResponse(site.page(visitor or site.visits.visitor(cookie)), headers=HEADERS)
        if cookie:
            secure = request.url.scheme == "https"
            page.set_cookie(COOKIE, cookie, COOKIE_SECONDS, secure=secure, httponly=True, samesite="lax")
        return page

    @app.get("/seen.gif")
    async def seen(request: Request, trial: str = "") -> Response:
        # A part of the page: whoever asks for it shows pictures and sends the cookie back, as most bots do not.
        visitor = site.who(request)
        if visitor and trial == site.out.trial and site.takes_part(visitor):
            site.visits.seen(trial, visitor)
        return Response(PIXEL, media_type="image/gif", headers=HEADERS)

    @app.post("/signup")
    async def signup(request: Request) -> Response:
        fields = await _form(request)
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", fields.get("email", "")):
            raise HTTPException(422, "an e-mail address is needed")
        signed_up(fields)
        if visitor := site.who(request):
            site.visits.note("signed_up", visitor)
        return RedirectResponse("thanks", 303)

    @app.post("/problem")
    async def problem(request: Request) -> Response:
        if visitor := site.who(request):
            site.visits.note("problem", visitor)
        return RedirectResponse("thanks", 303)

    @app.get("/thanks")
    async def thanks() -> Response:
        return HTMLResponse(THANKS, headers=HEADERS)


def _answer_the_owner(app: FastAPI, site: Site) -> None:
    @app.post("/control/deploy")
    async def deploy(request: Request, deployment: Deployment) -> dict[str, str]:
        _only_for_the_owner(request, site.visits.token)
        try:
            site.deploy(Out(**deployment.model_dump()))
        except BrokenPageError as error:
            raise HTTPException(422, str(error)) from None
        return {"out": "both versions" if deployment.candidate is not None else "the incumbent alone"}

    @app.get("/control/counts")
    async def counts(request: Request, trial: str) -> dict[str, dict[str, int]]:
        _only_for_the_owner(request, site.visits.token)
        return site.visits.counts(trial)


def _only_for_the_owner(request: Request, token: str) -> None:
    """Nobody from outside: not without the token, and not by way of the web server in front."""
    given = request.headers.get("x-token", "").encode()
    if "x-forwarded-for" in request.headers or not hmac.compare_digest(given, token.encode()):
        raise HTTPException(404)


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM:
            raise HTTPException(413, "that is more than the form asks for")
    try:
        return dict(parse_qsl(body.decode("utf-8"), max_num_fields=20))
    except ValueError:
        raise HTTPException(422, "this form cannot be read") from None


def main() -> None:
    parser = argparse.ArgumentParser(description="Shows the landing page, in one version or in two.")
    parser.add_argument("--port", type=int, default=8200)
    parser.add_argument("--data", type=Path, default=HERE / "site", help="the folder for what it remembers")
    options = parser.parse_args()
    try:
        app = make_app(Site(Visits(options.data)))
    except BrokenPageError as error:
        raise SystemExit(f"server.py: {error}") from None
    try:
        listening = socket.create_server(("127.0.0.1", options.port), backlog=256)
    except OSError as error:
        problem = os.strerror(error.errno or 0)
        raise SystemExit(f"server.py: port {options.port}: {problem}; --port 0 takes a free one") from None
    # Else an answer waits for the acknowledgement of the one before.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    (options.data / "address").write_text(address)  # Where deploy.py and measure.py find it.
    print(f"the page is on {address}/", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, workers=1))
    server.run(sockets=[listening])


if __name__ == "__main__":
    main()
