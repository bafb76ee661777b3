"""The report in a real browser: on a wide screen and on a phone, light, dark and on paper; for everybody, and safe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from overnight.ledger.records import Part, VerifiedEach
from overnight.morning.report.files import write_report
from overnight.morning.summary import summarize
from tests.morning.report.test_report import EVIL, PATCH, patch_of, whole_night
from tests.night import Night, sha

Theme = Literal["light", "dark"]


@pytest.fixture
def page_file(night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A night with everything in it, hostile words and very long ones included."""
    whole_night(night)
    night.keep(9, 7.0, EVIL, before=7.5, metric_low=6.9, metric_high=7.1, flags=(EVIL,), about=(EVIL,),
               gain_low=0.4, gain_high=0.6, undecided=True, evidence={"chance": 0.8})  # fmt: skip
    night.discard(10, 9.0, "word" * 200, gain=-1.5, about=("place" * 60,))
    night.crash(11, "reason" * 100)
    parts = (
        Part(number=1, gain=2.5, gain_low=2.0, gain_high=3.0),
        Part(number=2, gain=0, gain_low=-0.1, gain_high=0.1),
    )
    night.history.append(VerifiedEach(best_commit=sha(9), command="score " + "x" * 200, runs=8, parts=parts))
    night.stop(EVIL)
    monkeypatch.setattr("tests.morning.report.test_report.PATCH", PATCH + f"+{EVIL}\n+{'long ' * 100}\n")
    return write_report(night.history, summarize(night.history, running=False), tmp_path / "report", patch_of).page


@contextmanager
def opened(browser: Browser, file: Path, *, width: int = 1200, theme: Theme = "light") -> Iterator[Page]:
    """The page in a window of its own, which notes whatever goes wrong in it."""
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme)
    page = context.new_page()
    wrong: list[str] = []
    page.on("request", lambda request: wrong.append(request.url) if not request.url.startswith("file:") else None)
    page.on("console", lambda message: wrong.append(message.text))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(file.as_uri())
    try:
        yield page
        assert wrong == []
    finally:
        context.close()


def colours(page: Page) -> tuple[str, str]:
    """Those of the paper and of the headline."""
    return (
        page.evaluate("getComputedStyle(document.body).backgroundColor"),
        page.evaluate("getComputedStyle(document.querySelector('h1')).color"),
    )


@pytest.mark.parametrize("width", [360, 700, 768, 1200])
def test_nothing_is_wider_than_the_window(chromium: Browser, page_file: Path, width: int) -> None:
    with opened(chromium, page_file, width=width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("svg.chart:visible").count() == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_it_keeps_nobody_out(chromium: Browser, page_file: Path, width: int, theme: Theme) -> None:
    with opened(chromium, page_file, width=width, theme=theme) as page:
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        found: list[dict[str, Any]] = Axe().run(page).response["violations"]
        grave = [each for each in found if each["impact"] in ("serious", "critical")]
        assert [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in grave] == []


def test_it_is_light_or_dark_as_the_reader_likes_and_light_on_paper(chromium: Browser, page_file: Path) -> None:
    with opened(chromium, page_file) as page:
        light = colours(page)
    with opened(chromium, page_file, theme="dark") as page:
        assert all(one != other for one, other in zip(colours(page), light, strict=True))
        page.emulate_media(media="print")
        assert colours(page) == light
        assert page.locator("svg.wide").is_visible()
        assert page.pdf(format="A4").startswith(b"%PDF")


def test_a_diff_is_one_click_away(chromium: Browser, page_file: Path) -> None:
    with opened(chromium, page_file) as page:
        diff = page.locator("pre.diff").first
        assert not diff.is_visible()
        page.get_by_text("diff of experiment 1").first.click()
        assert diff.is_visible()
        assert "-LR = 0.1\n+LR = 0.2  # 1" in diff.inner_text()
        added = page.locator("pre.diff .add").first
        taken = page.locator("pre.diff .del").first
        look = "each => getComputedStyle(each).backgroundColor"
        assert added.evaluate(look) != taken.evaluate(look)


def test_hostile_words_are_shown_and_do_nothing(chromium: Browser, page_file: Path) -> None:
    with opened(chromium, page_file) as page:
        assert page.locator("script").count() == page.locator("img").count() == 0
        assert page.locator("th.change", has_text="<script>alert(1)</script>").count() == 1
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert "<img src=x onerror=alert(2)>" in page.locator("pre.diff").first.inner_text()


def test_the_policy_would_stop_what_escaping_had_missed(chromium: Browser, page_file: Path) -> None:
    holed = page_file.with_name("holed.html")
    hole = '<script>document.title = "broken into"</script><img src="https://example.com/x.png" onerror="alert(1)">'
    holed.write_text(page_file.read_text().replace("<main>", f"<main>{hole}"))
    context = chromium.new_context()
    page = context.new_page()
    failed: list[tuple[str, str | None]] = []
    page.on("requestfailed", lambda request: failed.append((request.url, request.failure)))
    page.goto(holed.as_uri())
    assert page.title().startswith("Overnight ran 11 experiments")
    assert failed == [("https://example.com/x.png", "csp")]
    context.close()


def test_the_picture_says_what_it_shows(chromium: Browser, page_file: Path) -> None:
    with opened(chromium, page_file) as page:
        chart = page.get_by_role("img", name="loss of every experiment, and the best so far")
        assert chart.count() == 1
        assert chart.locator("path.band").count() == 1
        assert chart.locator("circle").count() == 4
        assert "halve the step" in chart.locator("text.label").all_text_contents()
