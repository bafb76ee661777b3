"""The landing page: a coin for each visitor, counts that no reload or bot inflates, and a session with visitors."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

import pytest

from overnight.goal.document import Goal
from tests.examples.live import modules_of
from tests.system.conftest import Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOLDER = Path(__file__).parents[2] / "examples" / "landing_page"
PAGE = (FOLDER / "page.toml").read_text()
BETTER = PAGE.replace('button = "Submit"', 'button = "Start the free month"')
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def page() -> Iterator[ModuleType]:
    with modules_of(FOLDER) as load:
        yield load("page")


@pytest.fixture
def visits() -> Iterator[ModuleType]:
    with modules_of(FOLDER) as load:
        yield load("visits")


@dataclass
class Site:
    """A running server, and the two commands of goal.md as Overnight calls them."""

    project: Path
    address: str = ""

    def command(self, name: str, trial: str, candidate: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "OVERNIGHT_PROJECT": str(self.project), "OVERNIGHT_TRIAL": trial}
        for side, text in (("INCUMBENT", PAGE), ("CANDIDATE", candidate)):
            if text is not None:
                folder = self.project / side.lower()
                folder.mkdir(exist_ok=True)
                (folder / "page.toml").write_text(text)
                environment[f"OVERNIGHT_{side}"] = str(folder)
        command = [sys.executable, f"{name}.py"]
        return subprocess.run(command, cwd=FOLDER, env=environment, capture_output=True, text=True, check=False)

    def deploy(self, trial: str, candidate: str | None) -> None:
        done = self.command("deploy", trial, candidate)
        assert done.returncode == 0, done.stderr

    def counts(self, trial: str) -> dict[str, str]:
        """What measure.py prints."""
        done = self.command("measure", trial)
        assert done.returncode == 0, done.stderr
        return dict(line.split(": ") for line in done.stdout.splitlines())

    def total(self, trial: str) -> list[int]:
        """Conversions and people of both sides together."""
        counts = self.counts(trial)
        sides = [counts[f"{side}.conversions"].split("/") for side in ("incumbent", "candidate")]
        return [sum(map(int, column)) for column in zip(*sides, strict=True)]


@dataclass
class Visitor:
    """A client that does what its test says, over a connection of its own."""

    address: str
    agent: str = FIREFOX
    cookies: SimpleCookie = field(default_factory=SimpleCookie)

    def ask(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str]:
        where = urlsplit(self.address)
        connection = HTTPConnection(where.hostname or "", where.port, timeout=20)
        headers |= {"User-Agent": self.agent, "Cookie": "; ".join(f"{k}={m.value}" for k, m in self.cookies.items())}
        body = None
        if form is not None:
            body, headers["Content-Type"] = urlencode(form), "application/x-www-form-urlencoded"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        self.cookies.load(answer.getheader("Set-Cookie", ""))
        text = answer.read().decode("utf-8", "replace")
        connection.close()
        return answer.status, text

    def view(self) -> str:
        """Load the page and the picture in it."""
        _, page = self.ask("GET", "/")
        pixel = re.search(r'src="(seen\.gif[^"]*)"', page)
        if pixel is not None:
            self.ask("GET", f"/{pixel[1]}")
        return page

    def sign_up(self) -> int:
        status, _ = self.ask("POST", "/signup", {"email": "someone@secret.example", "name": "Somebody Secret"})
        return status


@contextmanager
def serving(project: Path) -> Iterator[Site]:
    command = [sys.executable, "server.py", "--port", "0", "--data", str(project / "site")]
    server = subprocess.Popen(command, cwd=FOLDER, stdout=subprocess.PIPE, text=True)
    try:
        said = re.search(r"http://[\d.:]+", server.stdout.readline() if server.stdout else "")
        assert said is not None
        yield Site(project, said[0])
    finally:
        server.terminate()
        server.communicate()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("landing")) as running:
        yield running


# page.py, the guard


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("headline =", "headline =\n", "cannot be read"),
        ("text_px = 16", "text_px = 32", "text_px must be a whole number from 13 to 24"),
        ("text_px = 16", "text_px = true", "text_px must be a whole number"),
        ("popup = false", 'popup = "no"', "popup must be true or false"),
        ('"Submit"', '""', "button must be a text in one line"),
        ('"Submit"', '"Submit\\nnow"', "button must be a text in one line"),
        ('"Submit"', f'"{"x" * 41}"', "of 40 characters at most"),
        ('"stacked"', '"stacked\\" onload=\\""', "layout must be one of stacked, side_by_side"),
        ("popup = false", "", "does not say 'popup'"),
        ("popup = false", 'popup = false\nscript = "x"', "says 'script'"),
        ("# The form.", "#" * 20_000, "characters; 20000 at most"),
    ],
)
def test_a_page_that_is_none_is_named(page: ModuleType, old: str, new: str, reason: str) -> None:
    assert old in PAGE
    with pytest.raises(page.BrokenPageError, match=re.escape(reason)):
        page.parse(PAGE.replace(old, new, 1))


def test_the_guard_ends_with_one_sentence_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "page.toml").write_text("headline = 3\n")
    command = [sys.executable, str(FOLDER / "page.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(r"page\.py: .*\n", done.stderr)


# visits.py


def test_the_coin_is_fair_and_falls_the_same_way_again(visits: ModuleType, tmp_path: Path) -> None:
    memory = visits.Visits(tmp_path)
    people = [memory.visitor(memory.new_cookie()) for _ in range(2000)]
    first = [memory.side("s-1", visitor) for visitor in people]
    again = visits.Visits(tmp_path)
    assert [again.side("s-1", visitor) for visitor in people] == first
    assert 880 < first.count("candidate") < 1120  # more than five standard deviations either way
    second = [memory.side("s-2", visitor) for visitor in people]
    assert 880 < sum(a == b for a, b in zip(first, second, strict=True)) < 1120  # each trial tosses anew


def test_a_cookie_cannot_be_made_up(visits: ModuleType, tmp_path: Path) -> None:
    memory = visits.Visits(tmp_path / "one")
    cookie = memory.new_cookie()
    assert memory.visitor(cookie) == cookie.partition(".")[0]
    other = visits.Visits(tmp_path / "other").new_cookie()
    for forged in (other, "", ".", "abc", "abc.def", cookie[:-1], "x" + cookie, cookie + "é"):
        assert memory.visitor(forged) is None
    assert (tmp_path / "one" / "key").stat().st_mode & 0o077 == 0


# the server


def test_people_are_counted_once_and_bots_never(site: Site) -> None:
    site.deploy("once-1", BETTER)
    person = Visitor(site.address)
    pages = {person.view() for _ in range(3)}
    assert len(pages) == 1
    assert [person.sign_up(), person.sign_up()] == [303, 303]
    Visitor(site.address).view()
    bot = Visitor(site.address, agent="Mozilla/5.0 (compatible; Googlebot/2.1)")
    assert "seen.gif" not in bot.view()
    assert not bot.cookies
    forgetful = Visitor(site.address)
    forgetful.ask("GET", "/")
    forgetful.cookies.clear()  # It loads the page's picture, but without the cookie: most bots, some people.
    forgetful.ask("GET", "/seen.gif?trial=once-1")
    forgetful.sign_up()
    assert site.total("once-1") == [1, 2]


def test_a_server_whose_port_is_taken_says_so(site: Site, tmp_path: Path) -> None:
    port = site.address.rsplit(":", 1)[1]
    command = [sys.executable, "server.py", "--port", port, "--data", str(tmp_path)]
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == f"server.py: port {port}: Address already in use; --port 0 takes a free one\n"


def test_both_versions_are_met_and_each_visitor_keeps_theirs_over_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path) as site:
        site.deploy("keep-1", BETTER)
        people = [Visitor(site.address) for _ in range(16)]
        buttons = ["Start the free month" in person.view() for person in people]
        assert {True, False} == set(buttons)
        candidates = sum(buttons)
        assert site.counts("keep-1")["candidate.conversions"] == f"0/{candidates}"
    with serving(tmp_path) as site:
        for person in people:
            person.address = site.address
        assert ["Start the free month" in person.view() for person in people] == buttons
        assert site.total("keep-1") == [0, 16]
        site.deploy("keep-1", None)
        assert not any("Start the free month" in person.view() for person in people)


def test_a_conversion_belongs_to_the_version_that_was_seen(site: Site) -> None:
    site.deploy("late-1", BETTER)
    late, stranger = Visitor(site.address), Visitor(site.address)
    late.view()
    site.deploy("late-2", BETTER)
    assert late.sign_up() == 303
    stranger.ask("GET", "/seen.gif?trial=late-1")  # a picture of a page of yesterday
    assert site.total("late-1") == [1, 1]
    late.view()  # They have signed up: nothing is left to decide, so they are in no later trial.
    assert site.total("late-2") == [0, 0]
    site.deploy("late-2", None)
    stranger.view()
    assert site.total("late-2") == [0, 0]


def test_a_problem_is_a_number_for_the_guard(site: Site) -> None:
    site.deploy("wrong-1", BETTER)
    people = [Visitor(site.address) for _ in range(8)]
    for person in people:
        person.view()
        person.ask("POST", "/problem", {})
        person.ask("POST", "/problem", {})
    counts = site.counts("wrong-1")
    assert int(counts["incumbent.problems"]) + int(counts["candidate.problems"]) == 8


def test_the_controls_are_the_owners(site: Site) -> None:
    site.deploy("own-1", BETTER)
    token = (site.project / "site" / "token").read_text()
    stranger = Visitor(site.address)
    counts = "/control/counts?trial=own-1"
    assert stranger.ask("GET", counts)[0] == 404
    assert stranger.ask("GET", counts, **{"X-Token": "x"})[0] == 404
    assert stranger.ask("GET", counts, **{"X-Token": token})[0] == 200
    assert stranger.ask("GET", counts, **{"X-Token": token, "X-Forwarded-For": "192.0.2.1"})[0] == 404
    stranger.ask("GET", "/", **{"X-Forwarded-Proto": "https"})
    assert stranger.cookies["visitor"]["secure"] is True
    assert stranger.ask("POST", "/signup", {"email": "x" * 20_000})[0] == 413
    assert stranger.ask("POST", "/signup", {"email": "nobody"})[0] == 422


def test_nothing_is_kept_of_who_they_are(site: Site) -> None:
    site.deploy("who-1", BETTER)
    person = Visitor(site.address)
    person.view()
    person.sign_up()
    kept = b"".join(path.read_bytes() for path in (site.project / "site").glob("visits.db*"))
    assert b"who-1" in kept
    for secret in (b"secret", b"Somebody", b"127.0.0.1", b"Firefox"):
        assert secret not in kept


def test_the_commands_say_in_one_sentence_what_is_wrong(site: Site, tmp_path: Path) -> None:
    broken = site.command("deploy", "bad-1", "headline = 3\n")
    assert broken.returncode == 1
    assert re.fullmatch(r"deploy\.py: .*\n", broken.stderr)
    missing = Site(tmp_path).command("measure", "x-1")
    assert missing.returncode == 1
    assert re.fullmatch(r"measure\.py: the server was never started .*\n", missing.stderr)
    shutil.copytree(site.project / "site", tmp_path / "site")
    (tmp_path / "site" / "address").write_text("http://127.0.0.1:9")
    gone = Site(tmp_path).command("measure", "x-1")
    assert gone.returncode == 1
    assert re.fullmatch(r"measure\.py: .*is it running\?\n", gone.stderr)


def test_a_real_browser_signs_up(site: Site, chromium: Browser) -> None:
    hostile = BETTER.replace("Made by rowers.", "<script>document.title = 'taken over'</script>", 1)
    site.deploy("browser-1", hostile.replace("popup = false", "popup = true"))
    for _ in range(30):  # until the coin has shown the candidate
        context = chromium.new_context()
        shown = context.new_page()
        shown.goto(site.address)
        if shown.get_by_role("button", name="Start the free month").count():
            break
        context.close()
    assert shown.title() == "Rowbook"
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    for label in ("Your name", "E-mail", "Your club", "Phone"):
        shown.get_by_label(label).fill("ada@club.example")
    before = site.counts("browser-1")["candidate.conversions"]
    shown.get_by_role("button", name="Start the free month").click()
    shown.wait_for_url("**/thanks")
    assert (before, site.counts("browser-1")["candidate.conversions"]) == ("0/1", "1/1")
    shown.goto(site.address)
    assert context.cookies()[0]["value"] == cookie["value"]
    shown.get_by_role("button", name="No, let me read").click()
    assert not shown.get_by_label("E-mail").is_visible()
    context.close()


# visitors.py and the session


def test_what_the_pretend_visitors_like_is_read_from_the_page_that_they_get(page: ModuleType) -> None:
    with modules_of(FOLDER) as load:
        look = load("visitors").look
        server = load("server")

        def likes(text: str) -> float:
            template = server.Environment(loader=server.FileSystemLoader(FOLDER), autoescape=True)
            return float(look(template.get_template("page.html").render(page=page.parse(text), trial="t"))[1])

        assert likes(BETTER) > likes(PAGE)
        assert likes(PAGE.replace("ask_phone = true", "ask_phone = false")) > likes(PAGE)
        assert likes(PAGE.replace('"navy"', '"green"')) == likes(PAGE)


AGENT = """case $(sed -n 's/^# Experiment //p' | head -1) in
1) sed -i 's/"Submit"/"Start the free month"/' page.toml
   sed -i 's/^headline = "[^"]*"/headline = "Every boat booked in ten seconds"/' page.toml
   sed -i 's/^ask_\\(.*\\) = true/ask_\\1 = false/' page.toml; echo 'hypothesis: say what it does, ask for less' ;;
*) sed -i 's/^popup = false/popup = true/' page.toml; echo 'hypothesis: the form over the page' ;;
esac
"""


def test_a_session_with_visitors(tmp_path: Path) -> None:
    folder = tmp_path / "landing_page"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("site", ".overnight", "__pycache__"))
    project = Project(folder)
    project.write("agent.sh", AGENT)
    project.set(agent="sh agent.sh")
    goal = (folder / "goal.md").read_text()
    goal = goal.replace("min_samples: 300", "min_samples: 40").replace("problems < 12", "problems < 2")
    project.write("goal.md", goal.replace("window: 30s", "window: 1m"))  # as much time as a busy machine needs
    project.git("init", "-q", "-b", "main")
    project.commit()
    done = subprocess.run(
        [sys.executable, "demo.py", "--experiments", "2", "--plain"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    baseline, better, popup = project.log()
    assert 0.05 < baseline["metric"] < 0.4
    assert better["verdict"] == "keep"
    assert better["gain_low"] > 0
    assert popup["verdict"] == "discard"
    assert "problems" in popup["reason"]
    assert project.status()["kept"] == 1


def test_the_goal_is_one_that_overnight_reads() -> None:
    settings = Goal.read(FOLDER / "goal.md").settings
    assert settings.edit == ("page.toml",)
    assert settings.metric == "conversions"
