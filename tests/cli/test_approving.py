"""`overnight approve` and `reject`, as a person types them, and who else says that a variant waits."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from overnight.cli.main import app
from overnight.errors import OvernightError, SessionError
from overnight.loop.activity import Activity
from overnight.loop.live import Live
from overnight.morning.words import approval_words
from tests.checkout import Checkout
from tests.dashboard.waiting import Waiting, waiting


@pytest.fixture
def shop(checkout: Checkout) -> Iterator[Waiting]:
    """A live session whose first variant waits."""
    with waiting(checkout) as shop:
        shop.propose(1, {"page.html": b"<h1>Tea \x1b]0;evil\x07</h1>\n"}, "say \x1b[31mwhat it costs")
        yield shop


def overnight(shop: Waiting, *arguments: str, says: str = "") -> str:
    """What a command prints; raises what `main` turns into one sentence."""
    done = CliRunner().invoke(app, [*arguments, str(shop.checkout.folder)], input=says, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_it_is_shown_before_anybody_is_asked(shop: Waiting) -> None:
    said = overnight(shop, "approve", "1", says="\n")
    assert "experiment 1: say �[31mwhat it costs" in said
    assert "-<h1>Tea</h1>\n+<h1>Tea �]0;evil�</h1>" in said
    assert "\x1b" not in said
    assert said.endswith("It waits on. `overnight reject 1` turns it down.\n")
    assert not shop.state.inbox.waiting(), "Enter alone is no yes"
    said = overnight(shop, "approve", "1", says="y\n")
    assert said.endswith("Approved: experiment 1 goes out when `overnight run` goes on.\n")
    request = shop.take_note()
    assert (request.act, request.number, request.session) == ("approve", 1, "s")
    with pytest.raises(SessionError, match="experiment 1 was approved already"):
        overnight(shop, "approve", "1")


def test_turned_down_with_a_reason(shop: Waiting) -> None:
    said = overnight(shop, "reject", "1", "too loud")
    assert said == "Turned down: nobody meets experiment 1; `overnight run` takes note of it when it goes on.\n"
    assert shop.take_note().text == "too loud"
    with pytest.raises(SessionError, match="experiment 1 was turned down already"):
        overnight(shop, "approve", "1")


def test_what_cannot_be_approved(shop: Waiting) -> None:
    with pytest.raises(OvernightError, match="nobody has answered, so nobody meets it; `--yes` asks nothing"):
        overnight(shop, "approve", "1")
    with pytest.raises(SessionError, match="experiment 2 does not wait for anybody's approval"):
        overnight(shop, "approve", "2")
    with pytest.raises(OvernightError, match="longer than 2000 characters"):
        overnight(shop, "reject", "1", "x" * 2001)
    shop.night.judge(1, "discard", reason="a guard failed")
    shop.night.propose(2, parent=shop.base, commit="1" * 40)
    with pytest.raises(SessionError, match="git no longer has experiment 2, so nobody can look at it; turn it down"):
        overnight(shop, "approve", "2")
    assert not shop.state.inbox.waiting()


def test_status_says_that_it_waits_also_where_nobody_is_at_work(shop: Waiting) -> None:
    assert f"waits        experiment 1: {approval_words(1)}\n" in overnight(shop, "status")
    with shop.state.locked():
        slot = Activity(step="approving", words=approval_words(1), number=1, since=time.time() - 90)
        live = Live(session="s", pid=os.getpid(), slots=(slot,))
        (shop.state.folder / "now.json").write_text(live.model_dump_json())
        said = overnight(shop, "status")
        looks = slot.model_copy(update={"step": "waiting", "words": "met by 212 people; next look", "budget": 120.0})
        (shop.state.folder / "now.json").write_text(live.model_copy(update={"slots": (looks,)}).model_dump_json())
        assert "now          experiment 1: met by 212 people; next look in " in overnight(shop, "status")
    assert f"now          experiment 1: {approval_words(1)}, 1 min 3" in said
    assert "waits   " not in said
