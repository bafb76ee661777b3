"""The page in a real browser, on a real session under way: all that is untrusted in it tries to run scripts."""

from __future__ import annotations

import contextlib
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from overnight.dashboard.serve import Dashboard
from overnight.goal.settings import Settings
from overnight.ledger.records import Judged, Troubled
from overnight.loop.events import ProposalStarted, SessionOpened, Waiting
from overnight.loop.live import Pulse
from overnight.loop.state import State
from tests.browser import SLOW
from tests.dashboard.conftest import Client, served, until
from tests.night import SETTINGS, Night
from tests.streams import four_slots, proposed, ran, starts
from tests.system.conftest import Project

EVIL = "<img src=x onerror='window.__pwned=1'><script>window.__pwned=1</script>"
RUN = f"""import sys, time
KNOB = 10
print("\\x1b[31m{EVIL}\\x1b[0m", flush=True)
print("step 1", flush=True)
time.sleep(1.2)
if KNOB == 16:
    raise SystemExit("boom {EVIL}")
print("loss:", abs(KNOB - 37))
"""
AGENT = f"""import re, sys
number = int(re.search(r"^# Experiment (\\d+)", sys.stdin.read(), re.M)[1])
text = open("solve.py").read()
comment = "" if "# note" in text else "# note {EVIL}\\n"
open("solve.py", "w").write(comment + re.sub(r"KNOB = \\d+", f"KNOB = {{10 + 3 * number}}", text, count=1))
print("hypothesis: set it to", 10 + 3 * number, "{EVIL}")
"""
GOAL = """---
edit: solve.py
run: PYTHON solve.py
metric: loss
budget: 5s
agent: PYTHON agent.py
ahead: 0
stop: {experiments: 500}
---
Make the loss small.
"""
WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.__violations.push(event.violatedDirective));
"""


def make_project(folder: Path) -> Project:
    project = Project(folder)
    folder.mkdir()
    project.write("solve.py", RUN)
    project.write("agent.py", AGENT)
    project.write("goal.md", GOAL.replace("PYTHON", sys.executable))
    project.git("init", "-q", "-b", "main")
    project.commit("start")
    return project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return make_project(tmp_path_factory.mktemp("page") / "project")


@contextlib.contextmanager
def opened(chromium: Browser, url: str, *, scheme: str = "light", width: int = 1280) -> Iterator[Page]:
    """The page; nothing may have run or have been refused in it when it is closed."""
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(SLOW)
    page.add_init_script(WATCH)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(url)
    yield page
    assert page.evaluate("window.__pwned") is None
    assert page.evaluate("window.__violations") == []
    assert errors == []
    context.close()


def has_no_barriers(page: Page) -> None:
    """What axe-core finds that keeps people out."""
    slides = "document.getAnimations().some((one) => one.animationName === 'slide')"
    until(lambda: not page.evaluate(slides), "the panel slides on and on")
    found = Axe().run(page).response["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not grave, [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in grave]


def fits(page: Page) -> None:
    """Nothing makes the page wider than the screen."""
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def stand(page: Page, word: str) -> None:
    expect(page.locator("body")).to_have_attribute("data-stand", word)


def test_from_nothing_to_a_session_under_way_and_every_button(chromium: Browser, project: Project) -> None:
    """One page, never reloaded, from before the session begins."""
    with served(project.folder) as client, opened(chromium, client.url) as page:
        stand(page, "empty")
        expect(page.locator("#welcome")).to_be_visible()
        has_no_barriers(page)
        process = project.start("run", "--plain", "--no-sandbox")
        try:
            stand(page, "baseline")
            expect(page.locator(".slot-what")).to_contain_text("measuring the baseline")
            expect(page.locator(".slot .bar")).to_be_visible()
            expect(page.locator(".slot .tail")).to_contain_text(EVIL)
            has_no_barriers(page)
            stand(page, "running")
            expect(page.locator("#rows tr[data-number='1']")).to_be_visible(timeout=SLOW)
            expect(page.locator("#rows tr[data-number='1'] .verdict")).to_have_text("kept")
            expect(page.locator("#rows tr[data-number='1']")).to_contain_text(EVIL)
            expect(page.locator("#tile-best .big")).not_to_have_text("–")
            expect(page.locator("#chart canvas")).to_be_visible()
            has_no_barriers(page)
            the_panel(page)
            pause_and_resume(page, client)
            a_hint_a_pin_and_its_withdrawal(page, client)
            a_keep_is_taken_back(page, client)
            stop_after_this_one(page, process)
        finally:
            process.kill()
            process.communicate()


def the_panel(page: Page) -> None:
    page.click("#rows tr[data-number='1'] a")
    panel = page.locator("#panel")
    expect(panel).to_be_visible()
    expect(page.locator("#panel-title")).to_contain_text(EVIL)
    expect(page.locator("#panel-title")).to_be_focused()
    assert page.url.endswith("#1")
    expect(page.locator(".l-added").first).to_contain_text(f"# note {EVIL}")
    expect(page.locator(".l-added .tok-c").first).to_be_visible()
    expect(page.locator(".why-lines")).to_contain_text("decided:")
    page.click("summary:has-text('run of the candidate')")
    expect(page.locator("details[open] .output")).to_contain_text(EVIL)
    has_no_barriers(page)
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page).to_have_url(re.compile(r"^[^#]*$"))
    page.evaluate("location.hash = '2'")  # It crashes.
    expect(page.locator("#panel .decision .verdict")).to_have_text("crashed")
    expect(page.locator("#panel .failure .tail")).to_contain_text("boom <img")
    page.go_back()
    expect(panel).to_be_hidden()


def pause_and_resume(page: Page, client: Client) -> None:
    page.click("#pause")
    stand(page, "paused")
    expect(page.locator("#sentence")).to_contain_text("Nothing new is begun until it is resumed")
    has_no_barriers(page)
    expect(page.locator("#slots")).to_be_empty()  # What was under way has come to its end.
    before = client.get("api/state")["summary"]["experiments"]
    page.wait_for_timeout(2500)
    assert client.get("api/state")["summary"]["experiments"] == before
    page.click("#resume")
    stand(page, "running")
    until(lambda: client.get("api/state")["summary"]["experiments"] > before, "it did not go on")


def a_hint_a_pin_and_its_withdrawal(page: Page, client: Client) -> None:
    page.click("#hint-form [data-act=hint]")
    expect(page.locator("#said")).to_contain_text("Write down what to try first")
    page.fill("#hint", f"try twice as much {EVIL}")
    page.click("#hint-form [data-act=hint]")
    expect(page.locator("#asked")).to_contain_text(f"try twice as much {EVIL}")
    expect(page.locator("#asked li:has-text('twice') .tag")).to_have_text("done")
    assert any(wish["act"] == "hint" for wish in client.get("api/state")["wishes"]["written"])
    page.fill("#hint", "only odd numbers")
    page.click("#hint-form [data-act=pin]")
    expect(page.locator("#standing")).to_contain_text("only odd numbers")
    page.fill("#hint", "the learning rate")
    page.click("#hint-form [data-act=forbid]")
    expect(page.locator("#standing")).to_contain_text("the learning rate")
    page.click("#standing li:has-text('odd') button")
    expect(page.locator("#standing li:has-text('odd')")).to_have_count(0)
    expect(page.locator("#standing")).to_contain_text("the learning rate")


def a_keep_is_taken_back(page: Page, client: Client) -> None:
    page.click("#rows tr[data-number='1'] a")
    take_back = page.locator("#panel [data-act=take_back]")
    take_back.click()
    expect(page.locator("#sure")).to_be_visible()
    has_no_barriers(page)
    expect(page.locator("#sure-no")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#sure")).to_be_hidden()
    assert not [wish for wish in client.get("api/state")["wishes"]["waiting"] if wish["act"] == "take_back"]
    take_back.click()
    page.click("#sure-yes")
    expect(page.locator("#panel .said")).to_contain_text("Asked")
    expect(page.locator("#panel .decision")).to_contain_text("taken back by a person")
    expect(take_back).to_have_count(0)
    page.click("#panel-close")
    assert client.get("api/experiments/1")["verdict"] == "discard"


def stop_after_this_one(page: Page, process: subprocess.Popen[str]) -> None:
    page.click("#finish")
    stand(page, "stopped")
    assert process.wait(60) == 130
    expect(page.locator("#controls")).to_be_hidden()
    expect(page.locator("#slots")).to_be_empty()
    has_no_barriers(page)


@pytest.mark.parametrize(("scheme", "width"), [("dark", 360), ("light", 360), ("dark", 1920)])
def test_narrow_and_wide_dark_and_light(
    chromium: Browser, told: Night, client: Client, scheme: str, width: int
) -> None:
    told.baseline(10.0)
    told.keep(1, 9.0, "an idea with averyveryverylongwordthatnobodywouldeverwritebutanagentdoes" * 3, before=10.0)
    told.discard(2, 11.0, "no", gain=-1.0, gain_low=-2.0, gain_high=0.5, undecided=True)
    told.judge(3, "crash", hypothesis="it fails", reason="the run ended with exit code 1", flags=("odd",))
    told.stop("the agent is not installed", failed=True)
    with opened(chromium, client.url, scheme=scheme, width=width) as page:
        stand(page, "failed")
        expect(page.locator("#rows tr")).to_have_count(4)
        fits(page)
        has_no_barriers(page)
        page.click("#rows tr[data-number='1'] a")
        expect(page.locator("#panel-title")).to_contain_text("an idea")
        fits(page)
        has_no_barriers(page)


@pytest.mark.parametrize("width", [360, 1280])
def test_eight_slots_and_two_thinkers(chromium: Browser, told: Night, client: Client, state: State, width: int) -> None:
    """Each slot has its card and keeps its place, whatever it is at."""
    told.baseline(10.0)
    logs = state.logs("s")
    logs.mkdir(parents=True)
    (logs / "4-candidate-4.log").write_text(f"step 1\n{EVIL} {'x' * 300}\n")
    (logs / "6.agent.log").write_text(f"I read the file. {EVIL}\n")
    settings = Settings.model_validate(SETTINGS)
    with state.locked(), opened(chromium, client.url, width=width) as page:
        pulse = Pulse(state, settings)
        for event in (SessionOpened("s", settings, "0" * 40, None), *four_slots(), starts(5, 7)):
            pulse.follow(event)
        expect(page.locator(".slot")).to_have_count(8)
        expect(page.locator("#sentence")).to_contain_text("At work in 8 slots", timeout=SLOW)
        card = page.locator(".slot")
        expect(card.nth(0)).to_contain_text("Slot 0: experiment 4")
        expect(card.nth(0).locator(".tail")).to_contain_text(EVIL)
        expect(card.nth(0).locator(".bar")).to_be_visible()
        expect(card.nth(1)).to_contain_text("trying the guards")
        expect(card.nth(3)).to_contain_text("free")
        expect(page.locator("#thinkers li:visible")).to_have_text(
            [re.compile("claude is thinking about experiment 6"), re.compile("claude is thinking about experiment 7")]
        )
        fits(page)
        has_no_barriers(page)
        page.click("#thinkers summary >> nth=0")
        expect(page.locator("#thinkers .tail >> nth=0")).to_contain_text(EVIL)
        has_no_barriers(page)
        page.click("#thinkers summary >> nth=0")
        before = places(page)
        changes = [proposed(6), starts(6, 3), ran(4, 0), Waiting("agent", "down", 60.0)]
        for event, words in zip(changes, ("ready", "measuring", "deciding", "free"), strict=True):
            pulse.follow(event)
            where = page.locator("#thinkers") if words == "ready" else card.nth(0 if words != "measuring" else 3)
            expect(where).to_contain_text(words)
            assert places(page) == before, "nothing jumps"
        has_no_barriers(page)
        pulse.close()
        expect(page.locator("#slots")).to_be_empty()
        expect(page.locator("#thinkers")).to_be_hidden()


def places(page: Page) -> object:
    """Where each card, and what comes after them, is on the page."""
    box = "(one) => [one.getBoundingClientRect().top, one.getBoundingClientRect().height]"
    return page.evaluate(f"[...document.querySelectorAll('.slot, #chart-card')].map({box})")


def test_one_slot_and_a_thinker_beside_it(chromium: Browser, told: Night, client: Client, state: State) -> None:
    told.baseline(10.0)
    settings = Settings.model_validate(SETTINGS)
    with state.locked(), opened(chromium, client.url) as page:
        pulse = Pulse(state, settings)
        for event in (SessionOpened("s", settings, "0" * 40, None), ProposalStarted(1, "claude")):
            pulse.follow(event)
        expect(page.locator(".slot-what")).to_have_text("Experiment 1: claude is thinking")
        expect(page.locator("#thinkers")).to_be_hidden()
        for event in (proposed(1), starts(1, 0), ProposalStarted(2, "claude")):
            pulse.follow(event)
        expect(page.locator(".slot-what")).to_have_text("Experiment 1: measuring the candidate")
        expect(page.locator("#thinkers")).to_contain_text("claude is thinking about experiment 2")
        has_no_barriers(page)
        pulse.follow(proposed(2))
        told.history.append(proposed(1).proposed, proposed(2).proposed)
        expect(page.locator("#thinkers li:visible")).to_have_count(0)
        expect(page.locator("#sentence")).to_contain_text("At work on experiment 1.")


def test_waiting_finished_and_the_built_in_search(chromium: Browser, told: Night, client: Client, state: State) -> None:
    told.baseline(10.0)
    with opened(chromium, client.url) as page:
        with state.locked():
            told.history.append(Troubled(what="agent", reason=f"the service is down {EVIL}", pause=600.0))
            stand(page, "waiting")
            expect(page.locator("#sentence")).to_contain_text(EVIL)
            expect(page.locator("#not-read")).to_be_visible()
            page.click("#pause")
            expect(page.locator("#pause")).to_have_text("Pausing…")
            has_no_barriers(page)
        told.stop("all 9 experiments are done", finished=True)
        stand(page, "finished")
        expect(page.locator("#sentence")).to_have_text("Finished: all 9 experiments are done.")
        has_no_barriers(page)


def test_a_connection_that_is_lost_and_comes_back(chromium: Browser, told: Night, state: State) -> None:
    told.baseline(10.0)
    first = Dashboard(state, port=0)
    first.start()
    with opened(chromium, first.url) as page:
        expect(page.locator("#rows tr")).to_have_count(1)
        first.stop()
        expect(page.locator("#lost")).to_be_visible(timeout=SLOW)
        expect(page.locator("#lost")).to_contain_text("comes back by itself")
        has_no_barriers(page)
        told.keep(1, 9.0, before=10.0)
        second = _again(state, first)
        expect(page.locator("#lost")).to_be_hidden(timeout=SLOW)
        expect(page.locator("#rows tr[data-number='1']")).to_be_visible()
        second.stop()


def _again(state: State, before: Dashboard) -> Dashboard:
    """The same server at the same address."""
    port, token = re.fullmatch(r"http://127.0.0.1:(\d+)/(.+)/", before.url).groups()  # type: ignore[union-attr]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(secrets, "token_urlsafe", lambda _: token)
        dashboard = Dashboard(state, port=int(port))
    dashboard.start()
    return dashboard


def test_fifty_thousand_experiments(chromium: Browser, told: Night, client: Client) -> None:
    told.baseline(100.0)
    for start in range(1, 50_001, 5_000):
        told.history.append(*(_made_up(number) for number in range(start, start + 5_000)))
    with opened(chromium, client.url) as page:
        expect(page.locator("#rows tr")).to_have_count(50)
        expect(page.locator("#rows tr").first).to_have_attribute("data-number", "50000")
        expect(page.locator("#tile-experiments .big")).to_have_text("50,000")
        expect(page.locator("#chart canvas")).to_be_visible()
        page.click("#older")
        expect(page.locator("#rows tr").first).to_have_attribute("data-number", "49950")
        page.click("#newest")
        expect(page.locator("#rows tr").first).to_have_attribute("data-number", "50000")
        page.check("#filters input[value=kept]", force=True)
        expect(page.locator("#rows tr").first.locator(".verdict")).to_have_text("kept")
        page.check("#filters input[value=all]", force=True)
        expect(page.locator("#rows tr").first).to_have_attribute("data-number", "50000")
        page.fill("#search", "IDEA 31337 ")
        expect(page.locator("#rows tr")).to_have_count(1)
        page.fill("#search", "")
        expect(page.locator("#rows tr")).to_have_count(50)
        for number in range(50_001, 50_101):
            told.history.append(_made_up(number))
        expect(page.locator("#rows tr").first).to_have_attribute("data-number", "50100")
        expect(page.locator("#rows tr")).to_have_count(50)
        assert page.evaluate("document.getElementsByTagName('*').length") < 2_000
        box = page.locator("#chart .u-over").bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 50, steps=5)
        page.mouse.up()
        expect(page.locator("#chart-reset")).to_be_visible()
        page.click("#chart-reset")
        expect(page.locator("#chart-reset")).to_be_hidden()


def _made_up(number: int) -> Judged:
    kept = number % 500 == 0
    metric = 100 - number / 1000 + (0 if kept else 1 + number % 13)
    verdict = "keep" if kept else "discard"
    words = f"idea {number} of many"
    return Judged(number=number, verdict=verdict, reason="", hypothesis=words, metric=metric, before=metric)


def test_by_keyboard_alone(chromium: Browser, told: Night, client: Client) -> None:
    told.baseline(10.0)
    told.keep(1, 9.0, "by hand", before=10.0)
    with opened(chromium, client.url) as page:
        expect(page.locator("#rows tr")).to_have_count(2)
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#experiments")).to_be_focused()
        for _ in range(12):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.matches('#rows a')"):
                break
        page.keyboard.press("Enter")
        expect(page.locator("#panel-title")).to_have_text("by hand")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#panel-number")).to_have_text("The baseline")
        page.keyboard.press("Escape")
        expect(page.locator("#panel")).to_be_hidden()
        assert page.evaluate("document.activeElement.matches('#rows a')"), "the focus is where it was"
