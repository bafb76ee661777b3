"""A real browser for the tests of what people look at: the system's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

SLOW = 60_000
"""Milliseconds in which a page may come to what is expected of it: a machine that is busy takes its time."""


@pytest.fixture(scope="module")  # Its event loop must not run beside tests that have their own.
def chromium() -> Iterator[Browser]:
    """A running browser; each test opens a page of its own."""
    from playwright.sync_api import expect, sync_playwright  # noqa: PLC0415 - most tests need no browser

    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.fail(f"no browser is installed (any of {', '.join(_NAMES)}): `apt install chromium`")
    expect.set_options(timeout=SLOW)
    with sync_playwright() as playwright:
        # Chromium refuses its own sandbox to root, as which containers run.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
