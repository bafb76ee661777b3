"""The pictures in docs/images, taken of a real session by a real browser.

    python scripts/pictures.py [--project FOLDER] [--experiments 60]

Runs the example in a folder of its own (about six minutes; or takes the session that FOLDER has already), verifies it,
writes the report, and looks at it on a wide screen in both themes and on a phone; and at the terminal as it was after
some experiments. Needs `git`, Chromium, and the libraries of the extra `tests`.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console

from overnight.cli.view import Watcher
from overnight.goal.settings import Settings
from overnight.loop.events import ExperimentJudged, ProposalFinished, RunStarted, SessionOpened
from overnight.loop.following import Follower
from overnight.loop.reading import open_history

Theme = Literal["light", "dark"]
ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
OVERNIGHT = [sys.executable, "-m", "overnight.cli.main"]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the pictures in docs/images.")
    parser.add_argument("--project", type=Path, help="A folder that has a session already.")
    parser.add_argument("--experiments", type=int, default=60)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="overnight-pictures-") as work:
        project = wanted.project or session(Path(work) / "charlm", wanted.experiments)
        report = Path(overnight(project, "report").splitlines()[0])
        with sync_playwright() as playwright:
            program = next(filter(None, map(shutil.which, BROWSERS)), None)
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            first_screen(browser, report, "report-light.png", 1200, "light")
            first_screen(browser, report, "report-phone.png", 360, "light")
            kept_changes(browser, report, "report-dark.png")
            browser.close()
        terminal(project, after=22)


def terminal(project: Path, after: int) -> None:
    """The live view as it was in the middle of a run, from what the ledger says of it."""
    console = Console(record=True, width=112, force_terminal=True, file=io.StringIO(), highlight=False)
    watcher, worked = Watcher(console, plain=False), 0.0
    with open_history(project, None) as (history, _):
        settings, started = Settings.model_validate(history.settings_now()), history.started()
        watcher.show(SessionOpened(history.session, settings, started.base, None, (), started.sandbox))
        for event in Follower(history, 0).news():
            watcher.show(event)
            worked += event.judged.seconds if isinstance(event, ExperimentJudged) else 0.0
            if isinstance(event, ProposalFinished) and event.proposed.number == after:
                break
        proposed = event.proposed if isinstance(event, ProposalFinished) else None
        assert proposed is not None, "the session is too short for this picture"
        watcher.show(RunStarted(after, "candidate", 0, proposed.hypothesis, settings.hard_limit))
        now = watcher.now
        now.began = time.monotonic() - worked
        half_way = {"since": time.time() - settings.budget / 2}
        runs = tuple(slot.model_copy(update=half_way) for slot in now.underway.slots)
        now.at(now.underway.model_copy(update={"slots": runs}))
        console.print(now.draw(console.width))
    fonts = "ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace"
    picture = console.export_svg(title="overnight demo").replace("Fira Code", fonts)
    # The fonts are the reader's own: nothing is fetched.
    (IMAGES / "terminal.svg").write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL))


def session(project: Path, experiments: int) -> Path:
    """The example, improved and verified in a repository of its own."""
    shutil.copytree(
        ROOT / "examples" / "charlm", project, ignore=shutil.ignore_patterns("__pycache__", ".*", "artifacts")
    )
    overnight(project, "run", "--init", "--plain", "--experiments", str(experiments))
    overnight(project, "verify", "--each", "--plain")
    return project


def overnight(project: Path, *arguments: str) -> str:
    """What a command prints; the example's own `python` is the one that runs this script."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*OVERNIGHT, *arguments],
        cwd=project,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def first_screen(browser: Browser, file: Path, name: str, width: int, theme: Theme) -> None:
    """What is seen of a page without doing anything."""
    page = opened(browser, file, width, theme)
    page.screenshot(path=IMAGES / name)
    page.close()


def kept_changes(browser: Browser, file: Path, name: str) -> None:
    """The report's table in the dark, one diff open."""
    page = opened(browser, file, 1200, "dark")
    page.locator("details").nth(1).evaluate("each => { each.open = true }")
    page.locator("h2").first.evaluate("each => { each.scrollIntoView() }")
    page.screenshot(path=IMAGES / name)
    page.close()


def opened(browser: Browser, file: Path, width: int, theme: Theme) -> Page:
    """A page in a window of its own."""
    page = browser.new_page(viewport={"width": width, "height": 1180}, color_scheme=theme)
    page.goto(file.as_uri())
    return page


if __name__ == "__main__":
    main()
