"""Chromium: cold loads of the page under a slow processor and a slow network, and what it then looks like. Frozen.

Nothing that the page's own scripts could have changed is believed: clocks and text are read in a JavaScript world of
the scorer's own, which shares the page's elements and none of its functions, and pictures come from the browser.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from look import Words
from PIL import Image
from server import BrokenSiteError, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page, Response

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESKTOP, PHONE = (1280, 800), (390, 800)
CPU_SLOWDOWN = 4
MEGABITS, ROUND_TRIP_MS = 20, 40
LONG_TASK_MS = 50
PATIENCE_MS = 20_000
FILM_WIDTH = 640
SETTLED_MS = 300

OBSERVE = """
globalThis.seen = {lcp: 0, tasks: []};
new PerformanceObserver(list => { for (const entry of list.getEntries()) seen.lcp = entry.startTime; })
    .observe({type: "largest-contentful-paint", buffered: true});
new PerformanceObserver(list => { for (const entry of list.getEntries()) seen.tasks.push(entry.duration); })
    .observe({type: "longtask", buffered: true});
"""
TIMES = "function() { return {...seen, origin: performance.timeOrigin}; }"
WORDS = """function() {
    const plain = text => (text || "").replace(/\\s+/g, " ").trim();
    return {
        title: plain(this.querySelector("title")?.textContent),
        text: plain(this.querySelector("body").innerText),
        links: [...this.querySelectorAll("a")].map(link => plain(link.textContent) + " → " + link.getAttribute("href")),
        alts: [...this.querySelectorAll("img")].map(image => plain(image.alt)),
    };
}"""
SCROLL = """async function() {
    const pause = () => new Promise(done => setTimeout(done, 30));
    for (let y = 0; y < this.scrollHeight; y += innerHeight) { scrollTo(0, y); await pause(); }
    scrollTo(0, 0);
    await Promise.all([...this.querySelectorAll("img")].map(image => image.decode().catch(() => null)));
    await pause();
}"""


@dataclass(frozen=True)
class Load:
    """One cold load."""

    lcp_ms: float
    """When the largest thing of the first screen was painted, or Chromium thought so."""
    tbt_ms: float
    """How long the page could not have answered a finger: what tasks took beyond 50 ms each."""
    sent: int
    """Bytes."""
    film: list[tuple[float, np.ndarray]]
    """What the first screen looked like, and when, in milliseconds."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser."""
    # Where `playwright install` puts it then: into the Python environment, which runs and scorers can see.
    os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", "0")
    try:
        from playwright.sync_api import Error, sync_playwright  # noqa: PLC0415 - only this example needs it
    except ImportError:
        raise SystemExit("score.py: Playwright is missing; `pip install -r requirements.txt` brings it") from None
    program = next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        try:
            # Its own sandbox cannot be made inside of Overnight's.
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        except Error as error:
            why = "does not start" if program else "is missing"
            raise SystemExit(
                f"score.py: Chromium {why} ({_first_line(error)}); have `chromium` or `google-chrome` on the path, "
                "or `PLAYWRIGHT_BROWSERS_PATH=0 playwright install chromium`"
            ) from None
        try:
            yield browser
        except Error as error:  # a page can make its browser fail in any way
            raise BrokenSiteError(f"Chromium lost the page ({_first_line(error)})") from error
        finally:
            browser.close()


class Visit:
    """One visitor with an empty cache, on one page."""

    def __init__(self, browser: Browser, server: Server, screen: tuple[int, int]) -> None:
        width, height = screen
        self._context = browser.new_context(viewport={"width": width, "height": height})
        self.page: Page = self._context.new_page()
        self._cdp: CDPSession = self._context.new_cdp_session(self.page)
        self._server = server
        self._film: list[tuple[float, bytes]] = []
        self._documents = 0
        self.page.on("response", self._count_document)

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()

    def load(self) -> None:
        """Until everything is there, and a little longer."""
        self.page.goto(self._server.address, wait_until="load", timeout=PATIENCE_MS)
        self.page.wait_for_timeout(SETTLED_MS)

    def timed_load(self) -> Load:
        """With a clock, on a slow processor and network, and filmed."""
        self._cdp.on("Page.screencastFrame", self._keep_frame)
        self._cdp.send("Page.enable")
        self._cdp.send("Page.addScriptToEvaluateOnNewDocument", {"source": OBSERVE, "worldName": "scorer"})
        per_second = MEGABITS * 1e6 / 8
        network = {"offline": False, "latency": ROUND_TRIP_MS, "downloadThroughput": per_second}
        self._cdp.send("Network.enable")
        self._cdp.send("Network.emulateNetworkConditions", {**network, "uploadThroughput": per_second})
        self._cdp.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
        film = {"format": "jpeg", "quality": 90, "maxWidth": FILM_WIDTH, "maxHeight": FILM_WIDTH}
        self._cdp.send("Page.startScreencast", film)
        before = self._server.bytes_sent
        self.load()
        times = self.ask(TIMES)
        self._cdp.send("Page.stopScreencast")
        self._cdp.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        frames = [(1000 * at - times["origin"], pixels(data)) for at, data in self._film]
        blocked = sum(task - LONG_TASK_MS for task in times["tasks"])
        return Load(times["lcp"], blocked, self._server.bytes_sent - before, frames)

    def words(self) -> Words:
        """What can be read."""
        return Words(**self.ask(WORDS))

    def first_screen(self) -> np.ndarray:
        """What is seen without doing anything."""
        return pixels(self.page.screenshot(type="jpeg", quality=95))

    def whole_page(self) -> np.ndarray:
        """What is seen by who scrolls to its end."""
        self.ask(SCROLL)
        return pixels(self.page.screenshot(full_page=True, type="jpeg", quality=95))

    def ask(self, function: str) -> Any:
        """Call a function on the page's root element, in the scorer's own world."""
        if self._documents != 1:
            raise BrokenSiteError("the page loads itself again or goes elsewhere")
        frame = self._cdp.send("Page.getFrameTree")["frameTree"]["frame"]["id"]
        world = self._cdp.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "scorer"})
        nodes = self._cdp.send("DOM.getDocument")["root"]["children"]
        root = next(node["nodeId"] for node in nodes if node["nodeName"] == "HTML")
        there = {"nodeId": root, "executionContextId": world["executionContextId"]}
        element = self._cdp.send("DOM.resolveNode", there)["object"]["objectId"]
        call = {"objectId": element, "functionDeclaration": function, "returnByValue": True, "awaitPromise": True}
        answer = self._cdp.send("Runtime.callFunctionOn", call)
        if "exceptionDetails" in answer:
            raise BrokenSiteError("the page cannot be read")
        return answer["result"].get("value")

    def _count_document(self, answer: Response) -> None:
        if answer.request.is_navigation_request() and answer.frame == self.page.main_frame:
            self._documents += 1

    def _keep_frame(self, event: dict[str, Any]) -> None:
        self._film.append((event["metadata"]["timestamp"], base64.b64decode(event["data"])))
        self._cdp.send("Page.screencastFrameAck", {"sessionId": event["sessionId"]})


def pixels(picture: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
