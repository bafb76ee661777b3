"""The page_speed example: what the scorer sees of a page, cheats that do not pay, and a short session of it."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

from overnight.goal.document import Goal
from tests.examples.imported import imported
from tests.system.conftest import OVERNIGHT, Project

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FOLDER = Path(__file__).parents[2] / "examples" / "page_speed"
MODULES = ("server", "look", "chromium", "score", "photos", "track", "build")
NO_CACHES = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}

Example = dict[str, Any]


@pytest.fixture(scope="module")
def example() -> Iterator[Example]:
    """The example's files as modules, imported by their paths; no trace of that stays in the test process."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield {name: imported(FOLDER, name, monkeypatch) for name in MODULES}


def jpeg(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "jpeg", quality=quality)
    return file.getvalue()


@pytest.fixture(scope="module")
def picture(example: Example) -> Image.Image:
    """A photograph with all its texture, as wide as a screen."""
    image: Image.Image = example["photos"].photo("hero").resize((1280, 640))
    return image


# look.py


@pytest.mark.parametrize(
    ("quality", "width", "same"),
    [(92, 1280, True), (60, 1280, True), (30, 1280, True), (10, 1280, False), (80, 640, False), (90, 160, False)],
)
def test_a_recompressed_photograph_is_the_same_and_a_blurred_or_ruined_one_is_not(
    example: Example, picture: Image.Image, quality: int, width: int, same: bool
) -> None:
    small = Image.open(io.BytesIO(jpeg(picture.resize((width, width // 2)), quality))).resize(picture.size)
    expected, seen = (example["look"].Look.of(np.asarray(each)) for each in (picture, small))
    assert example["score"].is_same(expected, seen) is same


def test_one_small_thing_that_is_missing_counts_as_much_as_everything(example: Example, picture: Image.Image) -> None:
    look = example["look"].Look
    whole, gap, empty = np.asarray(picture), np.array(picture), np.full((640, 1280, 3), 255, dtype=np.uint8)
    gap[192:256, 640:704] = 255
    changed, blurred = look.of(whole).distance(look.of(gap))
    assert changed > 20
    assert blurred > 40
    assert look.of(whole).distance(look.of(empty))[0] >= changed
    assert look.of(whole).distance(look.of(whole)) == (0, 0)


def test_a_look_is_kept_as_pictures_and_read_back(
    example: Example, picture: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example["look"], "REFERENCE", tmp_path)
    look = example["look"].Look.of(np.asarray(picture))
    look.save("desktop")
    changed, blurred = look.distance(example["look"].Look.read("desktop"))
    assert changed < 0.3
    assert blurred < 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("text", "Six stages, four huts", "the page's text changed: 'Six stages, four huts' is to be"),
        ("links", ["Stages → #top"], "the page's links changed"),
        ("alts", [], "the page's alts changed: [] is to be ['A meadow']"),
        ("title", "", "the page's title changed"),
    ],
)
def test_other_words_are_named(example: Example, field: str, value: object, said: str) -> None:
    words = {"title": "Huts", "text": "Six stages, five huts", "links": ["Stages → #stages"], "alts": ["A meadow"]}
    expected = example["look"].Words(**words)
    assert expected.difference(example["look"].Words(**words)) is None
    difference = expected.difference(example["look"].Words(**{**words, field: value}))
    assert difference is not None
    assert said in difference


# server.py


def test_the_server_knows_its_folder_and_nothing_else(example: Example, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (tmp_path / "secret.txt").write_text("no")
    for name, text in {"index.html": "<p>page", "index.html.gz": "packed", "a.webp": "picture"}.items():
        (site / name).write_text(text)
    with example["server"].serving(site) as server:

        def ask(path: str, **headers: str) -> tuple[int, str | None, bytes]:
            try:
                with urlopen(Request(server.address + path, headers=headers)) as answer:
                    return answer.status, answer.headers["Content-Encoding"], answer.read()
            except OSError as error:
                return getattr(error, "code", 0), None, b""

        assert ask("") == (200, None, b"<p>page")
        assert ask("", **{"Accept-Encoding": "gzip, br"}) == (200, "gzip", b"packed")
        assert ask("a.webp?v=1") == (200, None, b"picture")
        assert ask("../secret.txt")[0] == ask("%2e%2e/secret.txt")[0] == ask("/etc/passwd")[0] == 404
        assert server.bytes_sent == len(b"<p>page" + b"packed" + b"picture")


# chromium.py

TALL = '<div style="height: 1400px">below</div>'
HERO = '<img id="hero" src="hero.jpeg" alt="A meadow" width="1280" height="640">'
ON_SCROLL = '<img id="hero" alt="A meadow" width="1280" height="640">' + (
    "<script>addEventListener('scroll', () => { hero.src = 'hero.jpeg'; });</script>"
)
LIAR = HERO + (
    "<script>performance.now = () => 0; PerformanceObserver = undefined; Promise = undefined;"
    "document.querySelector = document.querySelectorAll = Element.prototype.querySelector = () => null;"
    "Object.defineProperty(HTMLElement.prototype, 'innerText', {get() { return 'lies'; }});</script>"
)
RELOAD = HERO + "<script>if (!sessionStorage.x) { sessionStorage.x = 1; location.reload(); }</script>"


@pytest.fixture
def visit(
    example: Example, picture: Image.Image, chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """Opens a small page in Chromium, with a quick processor and network."""
    monkeypatch.setattr(example["chromium"], "CPU_SLOWDOWN", 1)
    monkeypatch.setattr(example["chromium"], "MEGABITS", 1000)
    (tmp_path / "hero.jpeg").write_bytes(jpeg(picture, 90))
    with contextlib.ExitStack() as opened:

        def begin(body: str) -> Any:
            start = "<!DOCTYPE html><title>Huts</title><body style='margin: 0'><a href='/1'>One</a><p>Two  words "
            (tmp_path / "index.html").write_text(f"{start}{body}{TALL}</body>")
            server = opened.enter_context(example["server"].serving(tmp_path))
            return opened.enter_context(example["chromium"].Visit(chromium, server, (1280, 800)))

        yield begin


def test_a_page_is_measured_and_seen_and_its_own_functions_are_not_asked(example: Example, visit: Any) -> None:
    looks = []
    for body in (HERO, LIAR):
        page = visit(body)
        load = page.timed_load()
        assert 0 < load.lcp_ms <= example["score"].ready_ms(load)
        assert load.tbt_ms >= 0
        assert load.sent > 50_000
        assert page.words() == example["look"].Words("Huts", "One Two words below", ["One → /1"], ["A meadow"])
        height, width, _ = page.whole_page().shape
        assert (height > 2000, width) == (True, 1280)
        looks.append(example["look"].Look.of(page.first_screen()))
    assert example["score"].is_same(*looks)


def test_a_picture_that_waits_for_the_reader_or_cannot_be_seen_is_missed(example: Example, visit: Any) -> None:
    looks = []
    for body in (HERO, ON_SCROLL, HERO.replace("<img", '<img style="opacity: 0.1"')):
        page = visit(body)
        page.load()
        looks.append(example["look"].Look.of(page.first_screen()))
    assert not example["score"].is_same(looks[0], looks[1])
    assert not example["score"].is_same(looks[0], looks[2])


def test_a_page_that_loads_itself_again_is_not_measured(example: Example, visit: Any) -> None:
    page = visit(RELOAD)
    with pytest.raises(example["server"].BrokenSiteError, match="loads itself again"):
        page.timed_load()


# score.py


def test_the_first_screen_is_ready_when_it_looks_as_it_stays(example: Example, picture: Image.Image) -> None:
    blank = np.full((640, 1280, 3), 255, dtype=np.uint8)
    placeholder = np.asarray(Image.open(io.BytesIO(jpeg(picture, 1))))
    hero, again = np.asarray(picture), np.asarray(Image.open(io.BytesIO(jpeg(picture, 60))))

    def ready(*film: tuple[float, np.ndarray]) -> float:
        found: float = example["score"].ready_ms(example["chromium"].Load(300.0, 0.0, 0, list(film)))
        return found

    assert ready((0.0, blank), (290.0, hero)) == 300  # Chromium's word, where nothing happens later
    assert ready((0.0, blank), (290.0, again), (900.0, hero)) == 300
    assert ready((0.0, blank), (290.0, placeholder), (900.0, hero)) == 900
    assert ready((0.0, hero), (290.0, blank), (500.0, hero)) == 500
    assert ready((700.0, blank)) == 700


def test_a_page_that_is_not_as_tall_is_not_the_same(example: Example, picture: Image.Image) -> None:
    look = example["look"].Look.of(np.asarray(picture))
    assert example["score"].distance("telephone", look, look.first(39)) == (0, 0)
    with pytest.raises(example["server"].BrokenSiteError, match="on a telephone is 608 pixels tall; it has to be 640"):
        example["score"].distance("telephone", look, look.first(38))


def test_without_a_page_the_scorer_ends_with_one_sentence(tmp_path: Path) -> None:
    env = {**NO_CACHES, "OVERNIGHT_ARTIFACTS": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "score.py"], cwd=FOLDER, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"score.py: there is no {tmp_path}/index.html; build.py did not get as far as writing it\n"


# build.py


def test_every_setting_still_makes_a_page_with_the_same_words(
    example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = example["build"]
    monkeypatch.setattr(build, "SITE", tmp_path)
    monkeypatch.setattr(build, "photo", lambda _: Image.new("RGB", (64, 32)))
    settings = {
        **{"PHOTO_FORMAT": "webp", "LAZY_CARDS": True, "HERO_FIRST": True, "SUBSET_FONTS": True, "FONT_FORMAT": "woff"},
        **{
            "PRELOAD_FONTS": True,
            "INLINE_CSS": True,
            "SCRIPTS": "end",
            "TRACK_STEP": 9,
            "MINIFY": True,
            "COMPRESS": True,
        },
    }
    for name, value in settings.items():
        assert getattr(build, name) != value
        monkeypatch.setattr(build, name, value)
    build.main()
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    words = [*build.CONTENT["about"], build.CONTENT["lead"], *(stage["text"] for stage in build.CONTENT["stages"])]
    assert all(build.escape(text) in page for text in words)
    assert page.count('loading="lazy"') == 6
    assert page.index("</main>") < page.index("track.js")
    assert gzip.decompress((tmp_path / "index.html.gz").read_bytes()).decode() == page
    assert {path.name for path in tmp_path.iterdir()} >= {"hero.webp", "Sans.woff", "Serif.woff", "track.js.gz"}
    assert (tmp_path / "Sans.woff").stat().st_size < 30_000


# goal.md


def test_a_short_session_keeps_a_lighter_page_and_refuses_another_one(tmp_path: Path) -> None:
    """By bytes, which are exact, so that three runs of the start are enough; with small photographs and one load."""
    project = Project(tmp_path / "page")
    shutil.copytree(FOLDER, project.folder, ignore=shutil.ignore_patterns("site", "__pycache__", "reference"))
    photos = (project.folder / "photos.py").read_text()
    project.write("photos.py", photos.replace("(2400, 1200)", "(640, 320)").replace("(1200, 800)", "(150, 100)"))
    browser = (project.folder / "chromium.py").read_text()
    project.write("chromium.py", browser.replace("CPU_SLOWDOWN = 4", "CPU_SLOWDOWN = 1"))
    score = "python score.py --loads 1"
    project.set(metric="kilobytes", score=score, agent="sh agent.sh", stop="{experiments: 2}")
    project.write(
        "agent.sh",
        "if grep -q 'Experiment 1$' \"$OVERNIGHT_BRIEF\"\n"
        "then sed -i.bak 's/^PHOTO_QUALITY = 92/PHOTO_QUALITY = 60/' build.py\n"
        "else sed -i.bak 's/<p class=\"lead\">.*<.p>//' build.py\n"
        "fi; rm build.py.bak\n",
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in ("python build.py", f"{score} --reference"):
        subprocess.run(command, shell=True, cwd=project.folder, env={**NO_CACHES, "PATH": path}, check=True)
    project.git("init", "-q", "-b", "main")
    project.commit("start")
    env = {**NO_CACHES, "PATH": path}
    done = subprocess.run([*OVERNIGHT, "run"], cwd=project.folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    start, lighter, other = (json.loads(line) for line in project.ok("log", "--json").splitlines())
    assert (start["verdict"], lighter["verdict"], other["verdict"]) == ("baseline", "keep", "crash")
    assert lighter["metric"] < start["metric"]
    assert other["metric"] is None
    assert "the page's text changed" in project.ok("show", "2")


def test_the_goal_is_one_that_overnight_reads() -> None:
    settings = Goal.read(FOLDER / "goal.md").settings
    assert (settings.edit, settings.metric, settings.score) == (("build.py",), "ready_ms", "python score.py")
    assert settings.guards == ("changed < 1.5", "blurred < 40", "kilobytes < 3500")
