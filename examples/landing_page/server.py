"""The web server: shows each visitor one version of the page, and counts who signs up. Frozen.

    python server.py                      on http://127.0.0.1:8200, with what it keeps in site/
    python server.py --port 0 --data DIR  on a free port

It listens on this machine only. README.md says how to put it behind a web server that people can reach.
"""

from __future__ import annotations

import argparse
import hmac
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


def make_app(data: Path) -> FastAPI:
    """The server, with what it remembers in the folder `data`."""
    visits = Visits(data)
    template = Environment(loader=FileSystemLoader(HERE), autoescape=True).get_template("page.html")
    app = FastAPI(openapi_url=None)
    now = visits.out() or Out("", read(HERE), None)
    pages: dict[tuple[str, str], str] = {}

    def show(text: str, trial: str) -> str:
        if (text, trial) not in pages:
            pages[text, trial] = template.render(page=parse(text), trial=trial)
        return pages[text, trial]

    def who(request: Request) -> str | None:
        return visits.visitor(request.cookies.get(COOKIE, ""))

    @app.get("/")
    async def landing_page(request: Request) -> Response:
        if BOTS.search(request.headers.get("user-agent", "bot/")):
            return HTMLResponse(show(now.incumbent, ""), headers=HEADERS)
        visitor = who(request)
        cookie = "" if visitor else visits.new_cookie()
        visitor = visitor or visits.visitor(cookie)
        text, trial = now.incumbent, ""
        if visitor and now.candidate is not None and visits.takes_part(now.trial, visitor):
            trial = now.trial
            text = now.candidate if visits.side(trial, visitor) == "candidate" else now.incumbent
        page = HTMLResponse(show(text, trial), headers=HEADERS)
        if cookie:
            secure = request.url.scheme == "https"
            page.set_cookie(COOKIE, cookie, COOKIE_SECONDS, secure=secure, httponly=True, samesite="lax")
        return page

    @app.get("/seen.gif")
    async def seen(request: Request, trial: str = "") -> Response:
        # Part of the page: whoever asks for it shows pictures and sent the cookie back, as browsers do and most bots do not.
        visitor = who(request)
        if visitor and now.candidate is not None and trial == now.trial and visits.takes_part(trial, visitor):
            visits.seen(trial, visitor)
        return Response(PIXEL, media_type="image/gif", headers=HEADERS)

    @app.post("/signup")
    async def signup(request: Request) -> Response:
        fields = await _form(request)
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", fields.get("email", "")):
            raise HTTPException(422, "an e-mail address is needed")
        signed_up(fields)
        if visitor := who(request):
            visits.note("signed_up", visitor)
        return RedirectResponse("thanks", 303)

    @app.post("/problem")
    async def problem(request: Request) -> Response:
        if visitor := who(request):
            visits.note("problem", visitor)
        return RedirectResponse("thanks", 303)

    @app.get("/thanks")
    async def thanks() -> Response:
        return HTMLResponse(THANKS, headers=HEADERS)

    @app.post("/control/deploy")
    async def deploy(request: Request, deployment: Deployment) -> dict[str, str]:
        nonlocal now
        _only_for_the_owner(request, visits.token)
        try:
            parse(deployment.incumbent)
            parse(deployment.candidate or deployment.incumbent)
        except BrokenPageError as error:
            raise HTTPException(422, str(error)) from None
        now = Out(**deployment.model_dump())
        visits.deploy(now)
        pages.clear()
        return {"out": "both versions" if now.candidate is not None else "the incumbent alone"}

    @app.get("/control/counts")
    async def counts(request: Request, trial: str) -> dict[str, dict[str, int]]:
        _only_for_the_owner(request, visits.token)
        return visits.counts(trial)

    return app


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
    app = make_app(options.data)
    listening = socket.create_server(("127.0.0.1", options.port), backlog=256)
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    (options.data / "address").write_text(address)  # Where deploy.py and measure.py find it.
    print(f"the page is on {address}/", flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, workers=1))
    server.run(sockets=[listening])


if __name__ == "__main__":
    main()
