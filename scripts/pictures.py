"""The pictures in docs/images, taken of a real session by a real browser.

    python scripts/pictures.py [--project FOLDER] [--experiments 60]

Runs the example in a folder of its own (about six minutes; or takes the session that FOLDER has already), verifies it,
writes the report, and looks at it on a wide screen in both themes and on a phone. Needs `git`, Chromium, and the
libraries of the extra `tests`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, sync_playwright

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
            picture(browser, report, "report-light.png", 1200, 1180, "light")
            picture(browser, report, "report-dark.png", 1200, 1180, "dark")
            picture(browser, report, "report-phone.png", 360, 1180, "light")
            browser.close()


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


def picture(browser: Browser, file: Path, name: str, width: int, height: int, theme: Literal["light", "dark"]) -> None:
    """The first screens of a page, with its first diff open."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
    page.goto(file.as_uri())
    page.locator("details").first.evaluate("each => { each.open = true }")
    page.screenshot(path=IMAGES / name)
    print(f"{name}: {(IMAGES / name).stat().st_size / 1000:.0f} KB")
    page.close()


if __name__ == "__main__":
    main()
