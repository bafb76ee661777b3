"""The dashboard of a very long session: how fast is it there, and does it ever stutter?

    python benchmarks/dashboard.py [--experiments 50000] [--browser /usr/bin/chromium]

A ledger is made without running anything: one in 300 experiments is kept, one in eight fails, all with the records
that a real one has. Then a server over it is asked as a page asks it, the fastest of five; and a real browser opens the
page, scrolls and turns pages while ten verdicts a second arrive. The longest frame is between two animation frames,
and long tasks are what the browser itself counts as such (over 50 ms). Needs Playwright for the second part.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from overnight.dashboard.serve import Dashboard
from overnight.ledger.records import Judged, Measured, Proposed, Record, Resumed, SessionStarted, Verdict
from overnight.ledger.store import Ledger
from overnight.loop.state import State

SESSION = "long"
SETTINGS: dict[str, Any] = {"edit": ["train.py"], "run": "python train.py", "metric": "loss", "budget": 300.0}
BATCH = 2000
WATCH = """() => {
  window.__frames = []; window.__tasks = [];
  let last = performance.now();
  const frame = (now) => { window.__frames.push(now - last); last = now; requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  new PerformanceObserver((list) => list.getEntries().forEach((e) => window.__tasks.push(e.duration)))
    .observe({ entryTypes: ["longtask"] });
}"""


class Night:
    """Makes up experiments, one after another."""

    def __init__(self) -> None:
        self._chance = random.Random(1)
        self._best = 2.0
        self._number = 0

    def begin(self) -> list[Record]:
        """A session with a baseline."""
        commit = f"{0:040x}"
        return [
            SessionStarted(goal="…", settings=SETTINGS, base=commit, folder="", seed=0, version="0"),
            Resumed(pid=1, settings=SETTINGS),
            Judged(number=0, verdict="baseline", reason="3 runs, all alike", metric=self._best, commit=commit),
        ]

    def next(self) -> list[Record]:
        """All records of one experiment."""
        self._number += 1
        number, chance = self._number, self._chance.random()
        verdict: Verdict = "keep" if number % 300 == 0 else "crash" if chance < 0.125 else "discard"
        before, commit, idea = self._best, f"{number:040x}", f"idea {number}: {'turn the learning rate a little ' * 3}"
        metric = None if verdict == "crash" else before + abs(self._chance.gauss(0, 0.05))
        if verdict == "keep":
            metric = self._best = before * 0.999
        gain = None if metric is None else before - metric
        outcome = "crash" if verdict == "crash" else "ok"
        tail = "step 100: loss 1.234\n" * 40
        print_ = f"{number:064x}"
        return [
            Proposed(number=number, hypothesis=idea, proposer="claude", parent=f"{0:040x}", commit=commit,
                     fingerprint=print_, cost=0.01, input_tokens=9000, output_tokens=400),
            Measured(number=number, role="candidate", commit=commit, fingerprint=print_, seed=number,
                     outcome=outcome, value=metric, wall_seconds=300.0, output_tail=tail),
            Judged(number=number, verdict=verdict, reason="no better", hypothesis=idea, metric=metric, before=before,
                   gain=gain, gain_low=gain, gain_high=gain, runs=1, seconds=310.0, commit=commit, fingerprint=print_,
                   output_tail=tail if verdict == "crash" else ""),
        ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="The dashboard of a very long session.")
    parser.add_argument("--experiments", type=int, default=50_000)
    parser.add_argument("--browser", default="/usr/bin/chromium")
    wanted = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="overnight-bench-"))
    try:
        state = State.of(work)
        state.create()
        night = Night()
        ledger = filled(state.folder / "ledger.db", night, wanted.experiments)
        with state.locked():  # As if a session were at work.
            dashboard = Dashboard(state, port=0)
            dashboard.start()
            ask(dashboard.url, wanted.experiments)
            watch(dashboard.url, wanted.browser, lambda: ledger.append(SESSION, *night.next()))
            dashboard.stop()
    finally:
        shutil.rmtree(work, ignore_errors=True)


def filled(place: Path, night: Night, experiments: int) -> Ledger:
    """A ledger with so many experiments."""
    ledger = Ledger.open(place)
    records = night.begin()
    for number in range(1, experiments + 1):
        records += night.next()
        if number % BATCH == 0 or number == experiments:
            ledger.append(SESSION, *records)
            records = []
    print(f"a ledger of {experiments:,} experiments  {place.stat().st_size / 2**20:.0f} MiB")
    return ledger


def ask(url: str, experiments: int) -> None:
    """What a page asks for, one by one."""
    half = experiments // 2
    for name, path in (
        ("the page itself", ""),
        ("how it stands", "api/state"),
        ("the chart", "api/chart?columns=1200"),
        ("the chart, zoomed in", f"api/chart?columns=1200&first={half}&last={half + 2000}"),
        ("the newest page of the table", "api/experiments"),
        ("a page from its middle", f"api/experiments?before={half}"),
        ("the kept ones", "api/experiments?only=kept"),
        ("the suspicious ones (none)", "api/experiments?only=suspicious"),
        ("a search that finds nothing", "api/experiments?words=nothing+like+it"),
        ("one experiment", f"api/experiments/{half}"),
    ):
        first, size = timed(url + path)
        fastest = min(timed(url + path)[0] for _ in range(5))
        print(f"{name:<32} {fastest * 1000:6.0f} ms   {size / 1024:6.0f} KiB   (the first time {first * 1000:.0f} ms)")


def timed(url: str) -> tuple[float, int]:
    """Seconds and bytes of an answer."""
    began = time.perf_counter()
    with urllib.request.urlopen(url) as answer:
        size = len(answer.read())
    return time.perf_counter() - began, size


def watch(url: str, browser: str, happen: Callable[[], None]) -> None:
    """The page in a real browser, while somebody uses it and verdicts arrive."""
    try:
        from playwright.sync_api import sync_playwright  # noqa: PLC0415 - not everybody has it
    except ModuleNotFoundError:
        print("Playwright is not installed, so no browser was asked")
        return
    with sync_playwright() as play, arriving(happen):
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        began = time.perf_counter()
        page.goto(url)
        page.wait_for_selector("#rows tr")
        page.wait_for_selector("#chart canvas")
        print(f"{'the whole page in the browser':<32} {(time.perf_counter() - began) * 1000:6.0f} ms")
        page.evaluate(WATCH)
        for _ in range(40):
            page.mouse.wheel(0, 300)
            page.wait_for_timeout(50)
        for _ in range(10):
            page.click("#older")
            page.wait_for_timeout(200)
        page.click("#newest")
        for _ in range(40):
            page.mouse.wheel(0, -300)
            page.wait_for_timeout(50)
        page.wait_for_timeout(5000)
        frames, tasks = page.evaluate("[window.__frames, window.__tasks]")
        nodes = page.evaluate("document.getElementsByTagName('*').length")
        frames.sort()
        most = frames[len(frames) * 99 // 100]
        print(f"{'frames':<32} {len(frames)}, the longest {frames[-1]:.0f} ms, 99 % below {most:.0f} ms")
        print(f"{'long tasks':<32} {len(tasks)}, the longest {max(tasks, default=0):.0f} ms")
        print(f"{'elements in the page':<32} {nodes:,}")
        chromium.close()


class arriving:  # noqa: N801 - read as a phrase
    """Verdicts arrive, ten a second, as long as it is entered."""

    def __init__(self, happen: Callable[[], None]) -> None:
        self._happen = happen
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _go(self) -> None:
        while not self._over.wait(0.1):
            self._happen()


if __name__ == "__main__":
    sys.exit(main())
