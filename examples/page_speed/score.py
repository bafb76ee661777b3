"""Measures the page that build.py made, in a real Chromium, and whether it still is the same page. Frozen.

    python score.py                  what decides, and the rest, as numbers
    python score.py --reference      keeps what the page says and looks like now as what it has to stay

The page is only served and looked at: nothing of build.py is run or believed here. The numbers, each the median of
three cold loads (--loads) with an empty cache, on a processor four times slower and a network of 20 Mbit/s and 40 ms:

    ready_ms    when the first screen was there: Chromium's largest contentful paint, or the moment from which on the
                screen looked as it stays, whichever was later. A placeholder is not the picture.
    lcp_ms      Chromium's largest contentful paint alone
    tbt_ms      total blocking time: how long the page could not have answered
    kilobytes   what the server sent
    changed, blurred    how far the worst part of the page is from its reference, in percent: see look.py
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from statistics import median

from chromium import DESKTOP, PHONE, Load, Visit, chromium
from look import BLOCK, REFERENCE, Look, Words, read_words, save_words
from server import BrokenSiteError, serving

MOST_CHANGED, MOST_BLURRED = 1.5, 40.0
"""Beyond these, a screen is not yet, or no longer, the same. goal.md has the same limits as guards."""
SAME_HEIGHT = 1
"""Blocks by which a page may be taller or shorter."""


def ready_ms(load: Load) -> float:
    """When the first screen was there for good."""
    last = Look.of(load.film[-1][1])
    other = [at for at, picture in load.film if not is_same(last, Look.of(picture))]
    there = next((at for at, _ in load.film if not other or at > other[-1]), 0.0)
    return max(load.lcp_ms, there)


def is_same(expected: Look, seen: Look) -> bool:
    changed, blurred = expected.distance(seen)
    return changed < MOST_CHANGED and blurred < MOST_BLURRED


def distance(name: str, expected: Look, seen: Look) -> tuple[float, float]:
    """How far a whole page is from what it has to be."""
    tall, was = len(seen.detail), len(expected.detail)
    if abs(tall - was) > SAME_HEIGHT:
        raise BrokenSiteError(f"the page on a {name} is {tall * BLOCK} pixels tall; it has to be {was * BLOCK}")
    return expected.distance(seen)


def measure(site: Path, times: int) -> tuple[list[Load], Words, dict[str, Look]]:
    """All that there is to know of the page."""
    with serving(site) as server, chromium() as browser:
        with Visit(browser, server, PHONE) as visit:  # first, so that the browser has warmed up before a clock runs
            visit.load()
            looks = {"phone": Look.of(visit.whole_page())}
        loads = []
        for number in range(times):
            with Visit(browser, server, DESKTOP) as visit:
                loads.append(visit.timed_load())
                if number == times - 1:
                    looks["first"] = Look.of(visit.first_screen())
                    words = visit.words()
                    looks["desktop"] = Look.of(visit.whole_page())
    return loads, words, looks


def score(site: Path, times: int, reference: bool) -> None:
    loads, words, looks = measure(site, times)
    if any(load.lcp_ms <= 0 or not load.film for load in loads):
        raise BrokenSiteError("the page painted nothing")
    if reference:
        REFERENCE.mkdir(exist_ok=True)
        save_words(words)
        for name in ("desktop", "phone"):
            looks[name].save(name)
    expected = {name: Look.read(name) for name in ("desktop", "phone")}
    difference = read_words().difference(words)
    if difference is not None:
        raise BrokenSiteError(difference)
    far = [distance(name, look, looks[name]) for name, look in expected.items()]
    far.append(expected["desktop"].first(len(looks["first"].detail)).distance(looks["first"]))
    print(f"lcp_ms: {median(load.lcp_ms for load in loads):.0f}")
    print(f"tbt_ms: {median(load.tbt_ms for load in loads):.0f}")
    print(f"kilobytes: {median(load.sent for load in loads) / 1000:.0f}")
    print(f"changed: {max(changed for changed, _ in far):.1f}")
    print(f"blurred: {max(blurred for _, blurred in far):.1f}")
    print(f"ready_ms: {median(map(ready_ms, loads)):.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the page in Chromium.")
    parser.add_argument("--reference", action="store_true", help="keep the page as it is now as what it has to stay")
    parser.add_argument("--loads", type=int, default=3, help="how many cold loads the numbers are the median of")
    arguments = parser.parse_args()
    try:
        score(Path(os.environ.get("OVERNIGHT_ARTIFACTS", "site")), max(arguments.loads, 1), arguments.reference)
    except BrokenSiteError as error:
        raise SystemExit(f"score.py: {error}") from None


if __name__ == "__main__":
    main()
