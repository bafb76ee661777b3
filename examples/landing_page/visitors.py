"""Pretend visitors for the demo. A SIMULATION: what they like is made up below, and says nothing about real people.

    python visitors.py http://127.0.0.1:8200 --per-second 100

They come over HTTP as browsers do: they load the page and its picture, keep their cookie, fill in the form that they
are shown, send it or leave. Some reload, some refuse cookies, some are bots. `hidden:` in goal.md keeps this file from
the proposer.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode, urlsplit

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
BOT = "Mozilla/5.0 (compatible; Examplebot/2.1)"
ANSWERS = {"name": "Ada Rower", "email": "ada@club.example", "club": "Example Rowing Club", "phone": "+47 5550 0100"}


@dataclass
class Seen(HTMLParser):
    """What a visitor takes in of a page."""

    asked: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    pixel: str = ""
    _inside: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "input":
            self.asked.append(given.get("name", ""))
        elif tag == "img":
            self.pixel = given.get("src", "")
        elif tag == "div" and "side_by_side" in given.get("class", ""):
            self.texts["layout"] = "side by side"
        elif tag == "dialog":
            self.texts["dialog"] = "over the page"
        elif tag in {"h1", "p", "button"}:
            self._inside = tag if tag == "h1" else given.get("class", "")
            self._inside = "button" if self._inside in {"navy", "green", "orange"} else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[self._inside] = self.texts.get(self._inside, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""


@lru_cache(maxsize=200)
def look(page: str) -> tuple[Seen, float, float]:
    """The page, how likely somebody signs up on it, and how likely they complain: the made-up taste."""
    seen = Seen()
    seen.feed(page)
    text = seen.texts
    liking = -0.95
    liking -= 0.55 * ("phone" in seen.asked) + 0.2 * ("club" in seen.asked) + 0.1 * ("name" in seen.asked)
    liking += 0.45 * bool(re.search(r"\b(free|try|start|book)\b", text.get("button", ""), re.IGNORECASE))
    liking += 0.45 * bool(re.search(r"\b(seconds|minutes)\b", text.get("h1", "")))
    liking -= 0.15 * (len(text.get("h1", "").split()) > 12)
    liking += 0.15 * bool(re.search(r"\d+ clubs", text.get("trust", "")))
    liking += 0.1 * ("phone" in text.get("subline", ""))
    liking += 0.1 * ("price" in text) + 0.05 * ("layout" in text) + 0.1 * ("dialog" in text)
    return seen, 1 / (1 + math.exp(-liking)), 0.04 if "dialog" in text else 0.0005


class Person:
    """One visitor with one browser."""

    def __init__(self, address: str, chance: random.Random) -> None:
        where = urlsplit(address)
        self._connection = HTTPConnection(where.hostname or "127.0.0.1", where.port, timeout=20)
        self._chance = chance
        self._agent = BOT if chance.random() < 0.1 else BROWSER
        self._keeps_cookies = chance.random() > 0.05
        self._cookie = ""

    def visit(self) -> None:
        """Come, look, sign up or not, and go."""
        try:
            page = self._ask("GET", "/")
            if self._agent == BOT:
                return
            if self._chance.random() < 0.15:
                self._load(page)
                page = self._ask("GET", "/")
            seen, signs_up, complains = self._load(page)
            if self._chance.random() < complains:
                self._ask("POST", "/problem", "")
            if self._chance.random() < signs_up:
                self._ask("POST", "/signup", urlencode({name: ANSWERS.get(name, "?") for name in seen.asked}))
        finally:
            self._connection.close()

    def _load(self, page: str) -> tuple[Seen, float, float]:
        seen, signs_up, complains = look(page)
        if seen.pixel:
            self._ask("GET", f"/{seen.pixel}")
        return seen, signs_up, complains

    def _ask(self, method: str, path: str, body: str | None = None) -> str:
        headers = {"User-Agent": self._agent}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if self._cookie and self._keeps_cookies:
            headers["Cookie"] = self._cookie
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        self._cookie = (answer.getheader("Set-Cookie") or self._cookie).partition(";")[0]
        return answer.read().decode("utf-8", "replace")


def arrivals(per_second: float) -> Iterator[None]:
    """One after another, at this pace."""
    start, number = time.monotonic(), 0
    while True:
        time.sleep(max(0.0, start + number / per_second - time.monotonic()))
        number += 1
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description="Pretend visitors; a simulation.")
    parser.add_argument("address")
    parser.add_argument("--per-second", type=float, default=100.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)

    def one(seed: int) -> None:
        try:
            Person(options.address, random.Random(seed)).visit()
        except (OSError, HTTPException):
            time.sleep(0.2)  # The server is starting or ending.

    with ThreadPoolExecutor(16) as people:
        waiting = []
        for _ in arrivals(options.per_second):
            waiting.append(people.submit(one, chance.getrandbits(60)))
            if len(waiting) >= 40:  # On a slow machine they come as fast as they are served.
                waiting.pop(0).result()


if __name__ == "__main__":
    main()
