"""The card of a live variant that waits for a person: what it shows, and that a hostile one can do nothing from it."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from overnight.dashboard.variant import LARGEST_PREVIEW, MOST_CHARACTERS
from overnight.loop.activity import Activity
from overnight.loop.live import Live
from tests.browser import SLOW
from tests.checkout import Checkout
from tests.dashboard.conftest import Client, served, until
from tests.dashboard.test_page import fits, has_no_barriers, opened, stand
from tests.dashboard.waiting import LIVE, Waiting, waiting


@pytest.fixture
def shop(checkout: Checkout) -> Iterator[Waiting]:
    """A live session."""
    with waiting(checkout) as shop:
        yield shop


@pytest.fixture
def client(shop: Waiting) -> Iterator[Client]:
    """Its dashboard."""
    with served(shop.checkout.folder) as client:
        yield client


def waits(client: Client) -> int | None:
    number = client.get("api/state")["approval"]["number"]
    assert number is None or isinstance(number, int)
    return number


def be_at(shop: Waiting, step: str, number: int) -> None:
    """What the process that is at work says it does."""
    slot = Activity.model_validate({"step": step, "words": step, "number": number, "since": time.time()})
    live = Live(session="s", pid=os.getpid(), slots=(slot,))
    (shop.state.folder / "now.json").write_text(live.model_dump_json())


def test_nothing_waits_until_it_is_proposed_and_has_passed_the_guards(shop: Waiting, client: Client) -> None:
    assert waits(client) is None
    shop.propose(1, {"page.html": b"<h1>Better tea</h1>\n"})
    assert waits(client) == 1, "also while nobody is at work"
    with shop.state.locked():
        be_at(shop, "guarding", 1)
        assert waits(client) is None
        assert client.ask("api/variants/1").status == 409
        be_at(shop, "approving", 1)
        assert waits(client) == 1
        assert client.get("api/state")["summary"]["stand"] == "approval"
    shop.night.discard(1, 0.05)
    assert waits(client) is None
    shop.night.judge(2, "no_change")
    assert waits(client) is None


def test_with_auto_nobody_is_asked(checkout: Checkout) -> None:
    with waiting(checkout, live={**LIVE["live"], "approve": "auto"}) as shop:
        shop.propose(1, {"page.html": b"<h1>Better tea</h1>\n"})
        with served(checkout.folder) as client:
            assert waits(client) is None
            assert "does not wait" in client.wish("approve", 1).json["error"]
            assert client.ask("preview/1/0").status == 409


def test_what_is_not_decided_is_there_all_the_same(shop: Waiting, client: Client) -> None:
    shop.propose(1, {"page.html": b"<h1>Better tea</h1>\n"})
    assert client.wish("forbid", 1).json["error"] == "experiment 1 is not decided yet"
    assert client.wish("forbid", 2).json["error"] == "there is no experiment 2"


def test_all_that_is_in_it_is_shown_and_what_is_not_is_said(shop: Waiting, client: Client) -> None:
    shop.propose(
        1,
        {
            "page.html": "<h1>Tea \u202e</h1>\n".encode() + b"\xff",
            "logo.png": b"\x89PNG\0\0",
            "long.txt": b"word " * (MOST_CHARACTERS // 5 + 1),
            "train.py": None,
            "big.html": b"<p>" * LARGEST_PREVIEW,
        },
    )
    found = client.get("api/variants/1")
    assert (found["hypothesis"], found["is_whole"]) == ("say what it costs", True)
    files = {file["name"]: file for file in found["files"]}
    assert list(files) == ["big.html", "logo.png", "long.txt", "page.html", "train.py"]
    assert files["page.html"]["text"] == "<h1>Tea �</h1>\n�"
    assert files["page.html"]["notes"] == ["Some of it is no UTF-8 text, or cannot be seen: � stands for that."]
    assert files["logo.png"]["notes"] == ["This is no text: 6 bytes."]
    assert files["train.py"]["notes"] == ["This file is taken away."]
    assert len(files["long.txt"]["text"]) == MOST_CHARACTERS
    assert "Only the first 300,000 of 300,005 characters" in files["long.txt"]["notes"][0]
    assert [name for name, file in files.items() if file["has_preview"]] == ["page.html"]
    assert [client.ask(f"preview/1/{place}").status for place in range(7)] == [409, 409, 409, 200, 409, 409, 409]


def test_the_end_of_a_long_line_is_not_left_out_in_silence(shop: Waiting, client: Client) -> None:
    shop.propose(1, {"page.html": b"<p>" + b"x" * 2000 + b"<script>bad</script>\n"})
    added = next(line for line in client.get("api/variants/1")["patch"] if line["kind"] == "added")
    assert "more characters)" in "".join(text for _, text in added["pieces"])


def test_a_page_is_given_out_shut_in(shop: Waiting, client: Client) -> None:
    page = b"\xfe\xff<LINK rel=preconnect href=//evil.example><h1>\xff</h1>"
    shop.propose(1, {"page.html": page})
    answer = client.ask("preview/1/0", Sec_Fetch_Mode="navigate", Sec_Fetch_Site="same-origin")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "allow-" not in policy
    assert "script-src" not in policy
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["x-dns-prefetch-control"] == "off"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.body.decode() == "��<not-LINK rel=preconnect href=//evil.example><h1>�</h1>"
    assert client.ask("/preview/1/0", raw=True).status == 404
    assert client.ask("preview/1/0", Origin="http://evil.example").status == 403
    for path in ("", "api/state", "api/variants/1", "preview", "preview/../"):
        assert client.ask(path).headers["x-frame-options"] == "DENY", path


def test_a_yes_is_for_what_was_there_to_be_seen(shop: Waiting, client: Client) -> None:
    shop.propose(1, {"page.html": b"<h1>Better tea</h1>\n"})
    for number in (0, 2):
        assert "does not wait" in client.wish("approve", number).json["error"]
    assert "say which experiment" in client.wish("reject").json["error"]
    assert client.wish("approve", 1, "good").status == 202
    assert shop.take_note().text == "good"
    assert waits(client) is None
    for act in ("approve", "reject"):
        assert client.wish(act, 1).json["error"] == "experiment 1 was approved already"
    shop.night.discard(1, 0.05)
    shop.propose(2, {"page.html": b"<h1>Best tea</h1>\n"})
    assert client.wish("reject", 2, "too loud").status == 202
    shop.take_note()
    assert client.wish("approve", 2).json["error"] == "experiment 2 was turned down already"
    assert [wish["words"] for wish in client.get("api/state")["wishes"]["written"]] == [
        "turned down by a person: experiment 2, too loud",
        "approved by a person: experiment 1, good",
    ]


def test_approved_by_keyboard_and_turned_down_by_mouse(shop: Waiting, chromium: Browser, client: Client) -> None:
    with opened(chromium, client.url) as page, shop.state.locked():
        stand(page, "running")
        expect(page.locator("#approval")).to_be_hidden()
        shop.propose(1, {"page.html": b"<h1>Better tea</h1>\n", "mail.md": b"Hello\n"}, "say <b>what</b> it costs")
        be_at(shop, "approving", 1)
        stand(page, "approval")
        expect(page.locator("#approval-title")).to_have_text("Experiment 1 waits for your approval")
        expect(page.locator(".approval-idea")).to_contain_text("say <b>what</b> it costs")
        expect(page.locator("#approval .l-added").last).to_contain_text("<h1>Better tea</h1>")
        expect(page.frame_locator(".preview").locator("h1")).to_have_text("Better tea")
        expect(page.locator("#approval details[open] .output")).to_have_text("Hello\n")
        expect(page.locator("#slots")).to_be_empty()
        has_no_barriers(page)
        page.focus("#approve")
        page.keyboard.press("Enter")
        expect(page.locator("#sure-title")).to_have_text("Let people meet experiment 1?")
        expect(page.locator("#sure-no")).to_be_focused()
        page.keyboard.press("Enter")
        assert not shop.state.inbox.waiting(), "the answer that lies nearest is no"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#approval-said")).to_have_text(
            "Approved; it goes out as soon as the session has taken note."
        )
        expect(page.locator("#approve")).to_be_disabled()
        expect(page.locator("#approval")).to_be_focused()
        assert shop.take_note().act == "approve"
        expect(page.locator("#approval-title")).to_have_text("Experiment 1 is approved")
        expect(page.locator("#approval-said")).to_contain_text("It goes out beside the present version now")
        expect(page.locator("#approve")).to_be_hidden()
        shop.night.discard(1, 0.05)
        expect(page.locator("#approval")).to_be_hidden()
        shop.propose(2, {"page.html": b"<h1>Best tea</h1>\n"})
        be_at(shop, "approving", 2)
        expect(page.locator("#approval-title")).to_have_text("Experiment 2 waits for your approval")
        page.fill("#approval-text", "too loud")
        page.click("#reject")
        until(shop.state.inbox.waiting, "nothing was asked")
        request = shop.take_note()
        assert (request.act, request.number, request.text) == ("reject", 2, "too loud")
        expect(page.locator("#approval-title")).to_have_text("Experiment 2 is turned down")


def test_without_a_session_at_work_it_is_kept_for_the_next(shop: Waiting, chromium: Browser, client: Client) -> None:
    shop.night.propose(1, parent=shop.base, commit="1" * 40, hypothesis="gone")
    with opened(chromium, client.url) as page:
        expect(page.locator("#approval-all")).to_contain_text("Git no longer has this candidate.")
        expect(page.locator("#approve")).to_be_disabled()
        page.click("#reject")
        words = "Turned down; that is written down when `overnight run` goes on."
        expect(page.locator("#approval-said")).to_have_text(words)
        page.reload()
        expect(page.locator("#approval-said")).to_have_text(words)
        expect(page.locator("#reject")).to_be_disabled()


HOSTILE = """<!doctype html><base href="HERE" target="_top"><meta http-equiv="refresh" content="0;url=HERE/refresh">
<meta name="referrer" content="unsafe-url"><meta http-equiv="x-dns-prefetch-control" content="on">
<link rel="preconnect" href="HERE"><link rel="stylesheet" href="HERE/link"><link rel="prefetch" href="HERE/prefetch">
<link rel="manifest" href="HERE/manifest"><link rel="icon" href="HERE/icon">
<style>@import "HERE/import"; @font-face { font-family: f; src: url(HERE/font); }
html, body, #cover { position: fixed !important; inset: -9999px !important; width: 99999px !important;
height: 99999px !important; background: url(HERE/background) red !important; font: 9px f; z-index: 2147483647; }
body::after { content: url(HERE/content); cursor: url(HERE/cursor), auto; }
#send, a { position: fixed; top: 0; left: 0; width: 30px; height: 30px; z-index: 2147483647; }</style>
<script>PWN</script><script src="HERE/script"></script><script type="module">PWN</script>
<body onload="PWN" onpageshow="PWN"><div id="cover">Approved by everybody</div>
<img src="HERE/img" onerror="PWN" srcset="HERE/srcset 1x"><img src=x onerror="PWN">
<svg onload="PWN"><image href="HERE/svg"/><use href="HERE/use#a"/><script>PWN</script></svg>
<iframe src="HERE/frame"></iframe><IFRAME srcdoc="<script>PWN</script>"></IFRAME><iframe src="../../"></iframe>
<object data="HERE/object"></object><embed src="HERE/embed"><portal src="HERE/portal"></portal>
<audio autoplay src="HERE/audio"></audio><video poster="HERE/poster" src="HERE/video"></video>
<form id="f" action="../../api/requests" method="post" target="_top"><input name="act" value="approve" autofocus
onfocus="PWN"><button id="send">Send</button></form>
<a id="top" href="HERE/top" target="_top" style="left: 50px">Top</a>
<a id="in" href="../../" target="_self" style="left: 100px">In</a>
<a id="js" href="javascript:PWN" target="_self" style="left: 150px">Js</a>
<details open ontoggle="PWN"><summary>x</summary></details><dialog open>x</dialog>
"""


def test_a_hostile_page_reaches_nobody(shop: Waiting, chromium: Browser, client: Client) -> None:
    """It may neither run nor load anything, nor lead the page away, nor cover the buttons."""
    with socket.create_server(("127.0.0.1", 0)) as outside, phone(chromium) as (page, happened):
        here = f"http://127.0.0.1:{outside.getsockname()[1]}"
        pwn = "parent.__pwned=top.__pwned=window.__pwned=1;document.title='pwned';alert(1);fetch('HERE/fetch')"
        text = HOSTILE.replace("PWN", pwn).replace("HERE", here) + "averylongword" * 4000
        evil = "</h2><img src=x onerror='window.__pwned=1'>" + "averylongword" * 40
        shop.propose(1, {"page.html": text.encode() + b"\xff"}, evil)
        page.goto(client.url)
        expect(page.locator(".approval-idea")).to_contain_text(evil)
        frame = page.frame_locator(".preview")
        for name in ("send", "js", "cover"):
            frame.locator(f"#{name}").click(position={"x": 9, "y": 9}, force=True)
            expect(frame.locator(f"#{name}:focus" if name != "cover" else "#cover")).to_have_count(1)
        fits(page)
        for button in ("approve", "reject"):
            page.locator(f"#{button}").click(trial=True)  # Fails where something lies over it.
        page.click("text=The whole text of page.html")
        expect(page.locator("#approval details .output")).to_contain_text("Approved by everybody")
        fits(page)
        outside.setblocking(False)
        with pytest.raises(BlockingIOError):
            outside.accept()
        for name in ("top", "in"):
            frame.locator(f"#{name}").click(force=True)
            expect(frame.locator("#cover")).to_have_count(0 if name == "in" else 1)
        page.click("text=Show the preview again")
        expect(frame.locator("#cover")).to_have_text("Approved by everybody")
        assert page.url == client.url
        assert page.evaluate("window.__pwned") is None
        assert page.title().endswith("Overnight")
        assert not shop.state.inbox.waiting()
        assert not happened


@contextlib.contextmanager
def phone(chromium: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page on a phone at night, and what must not happen in it."""
    context = chromium.new_context(viewport={"width": 360, "height": 800}, color_scheme="dark")
    page, happened = context.new_page(), list[str]()
    page.set_default_timeout(SLOW)
    page.on("dialog", lambda dialog: (happened.append("a dialog"), dialog.dismiss()))
    context.on("page", lambda _: happened.append("another window"))
    page.on("request", lambda request: happened.append(request.url) if request.method == "POST" else None)
    yield page, happened
    context.close()


def test_who_asks_again_the_moment_the_question_was_closed_is_asked_again(
    shop: Waiting, chromium: Browser, client: Client
) -> None:
    with opened(chromium, client.url) as page, shop.state.locked():
        shop.propose(1, {"page.html": b"<h1>Better tea</h1>\n"})
        be_at(shop, "approving", 1)
        expect(page.locator("#approve")).to_be_enabled()
        page.click("#approve")
        page.evaluate(
            "() => { document.getElementById('sure').close('no'); document.getElementById('approve').click(); }"
        )
        page.click("#sure-yes")
        expect(page.locator("#approval-said")).to_contain_text("Approved; it goes out")
        assert shop.take_note().act == "approve"
        assert not shop.state.inbox.waiting(), "it is asked for once"
