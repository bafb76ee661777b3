"""The site that docs/ makes: all of it is there, leads somewhere, and asks nobody for anything."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import overnight
from overnight.cli.main import app
from overnight.goal.sections import LiveSettings, StopRules
from overnight.goal.settings import Settings
from tests.browser import SLOW

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]


@dataclass
class Html(HTMLParser):
    """What one page has and wants."""

    path: Path
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    undescribed: list[str] = field(default_factory=list)
    text: str = ""

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a":
            self.links += [given["href"]] if "href" in given else []
        elif given.get("rel") != "canonical":
            self.loaded += [given[name] for name in ("src", "href") if name in given]
        if tag == "img" and not given.get("alt"):
            self.undescribed.append(given.get("src", ""))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_site(tmp_path: Path, chromium: Browser) -> None:
    """One test, since each would have to build it again where tests are spread over processes."""
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    site = {path.relative_to(tmp_path).as_posix(): Html(path) for path in tmp_path.rglob("*.html")}
    absolute = site.pop("404.html")  # It cannot know from where it is shown.
    assert absolute.text
    all_documents_are_pages(site)
    all_links_lead_somewhere(site)
    nothing_is_loaded_from_elsewhere(tmp_path, site)
    all_pictures_are_described(site)
    links_out_of_docs_read_well(site)
    all_settings_are_there(site["reference/settings.html"])
    all_commands_and_names_are_there(site)
    it_can_be_searched_from_a_folder(tmp_path, chromium)


def all_documents_are_pages(site: dict[str, Html]) -> None:
    documents = {path.relative_to(ROOT / "docs").with_suffix(".html").as_posix() for path in ROOT.glob("docs/**/*.md")}
    examples = {f"examples/{path.parent.name}/index.html" for path in ROOT.glob("examples/*/README.md")}
    assert set(site) == documents | examples


def all_links_lead_somewhere(site: dict[str, Html]) -> None:
    anchors = {html.path: html.anchors for html in site.values()}
    for html in site.values():
        for link in html.links + html.loaded:
            parts = urlsplit(link)
            if not parts.scheme and not parts.netloc:
                there = (html.path.parent / unquote(parts.path)).resolve() if parts.path else html.path
                assert there.is_file(), (html.path, link)
                assert not parts.fragment or unquote(parts.fragment) in anchors.get(there, {""}), (html.path, link)


def nothing_is_loaded_from_elsewhere(folder: Path, site: dict[str, Html]) -> None:
    assert [link for html in site.values() for link in html.loaded if urlsplit(link).netloc] == []
    assert [path for path in folder.rglob("*.css") if re.search(r"url\(.?(https?:)?//", path.read_text())] == []


def all_pictures_are_described(site: dict[str, Html]) -> None:
    assert {name: html.undescribed for name, html in site.items() if html.undescribed} == {}


def links_out_of_docs_read_well(site: dict[str, Html]) -> None:
    assert "tests/system/torture.py: at random" in site["reliability.html"].text
    assert not any("torture" in link for link in site["reliability.html"].links if "#" not in link)
    assert "examples/charlm/index.html" in site["cases.html"].links
    assert "../../live.html#how-many-people-it-takes" in site["examples/landing_page/index.html"].links


def all_settings_are_there(settings: Html) -> None:
    assert set(Settings.model_fields) <= settings.anchors
    assert "a length of time, such as 90s, 5m or 1h30m; 5m unless given" in settings.text
    assert "How long one run gets; the run reads it as OVERNIGHT_BUDGET_SECONDS." in settings.text
    for key in (*StopRules.model_fields, *LiveSettings.model_fields):
        assert key in settings.text


def all_commands_and_names_are_there(site: dict[str, Html]) -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert {f"overnight-{name}" for name in commands} <= site["reference/commands.html"].anchors
    names = {f"overnight.{name}" for name in overnight.__all__ if not name.startswith("_")}
    assert names <= site["reference/python.html"].anchors


def it_can_be_searched_from_a_folder(folder: Path, chromium: Browser) -> None:
    asked: list[str] = []
    view = chromium.new_page()
    view.set_default_timeout(SLOW)
    view.on("request", lambda request: asked.append(request.url))
    view.goto((folder / "start.html").as_uri())
    view.get_by_role("textbox", name="Search").press_sequentially("kill_at")
    view.locator(".md-search-result__link[href*='reference/settings.html']").first.wait_for()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    view.close()
