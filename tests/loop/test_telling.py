"""What people are told, and how often: a session's ledger by hand, a real web server that receives."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from overnight.goal.settings import Settings
from overnight.ledger.records import Judged, Steered
from overnight.loop import telling
from overnight.loop.events import (
    ApprovalAwaited,
    ExperimentJudged,
    PersonAsked,
    SessionClosed,
    SessionOpened,
    VerdictChanged,
    Waiting,
)
from overnight.loop.telling import Teller
from tests.listeners import Webhook, eventually, web_server
from tests.night import SETTINGS, Night


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    with web_server() as hook:
        yield hook


@pytest.fixture
def teller(night: Night, tmp_path: Path, webhook: Webhook) -> Teller:
    night.baseline(10.0)
    told = Teller((f"json://127.0.0.1:{webhook.port}",), tmp_path / "ledger.db", tmp_path / "goal.md")
    told.follow(SessionOpened("s", Settings.model_validate(SETTINGS), "0" * 40, None))
    return told


def judged(night: Night, number: int) -> Judged:
    found = night.history.judged_number(number)
    assert found is not None
    return found


def keep(teller: Teller, night: Night, number: int, metric: float, **fields: object) -> None:
    night.keep(number, metric, f"idea {number}", **fields)
    teller.follow(ExperimentJudged(judged(night, number)))


def end(teller: Teller) -> None:
    teller.close(time.monotonic() + 20)


def test_many_bests_are_one_message_in_the_half_hour_and_the_newest_counts(
    teller: Teller, night: Night, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "BETWEEN_BESTS_SECONDS", 2.0)
    keep(teller, night, 1, 9.0)
    eventually(lambda: len(webhook.posts) == 1)
    keep(teller, night, 2, 8.0)
    keep(teller, night, 3, 7.0, undecided=True, gain_low=0.5, gain_high=1.5)
    eventually(lambda: len(webhook.posts) == 2)
    end(teller)
    first, second = webhook.posts
    assert "first keep, loss 9" in first["title"]
    assert "new best, loss 7" in second["title"]
    assert "idea 3" in second["message"]
    assert "idea 2" not in second["message"]
    assert "better by 1 (95 % interval 0.5 to 1.5)" in second["message"]
    assert "provisional: runs to come may still take it back" in second["message"]


def test_a_keep_that_was_told_of_and_taken_back_is_owned_up_to(teller: Teller, night: Night, webhook: Webhook) -> None:
    keep(teller, night, 1, 9.0)
    eventually(lambda: len(webhook.posts) == 1)
    night.discard(1, 9.9)
    teller.follow(VerdictChanged(judged(night, 1), "keep"))
    night.stop("12 experiments done", finished=True)
    teller.follow(SessionClosed(finished=True, reason="12 experiments done"))
    end(teller)
    assert "Taken back since, after more runs: experiment 1." in webhook.posts[1]["message"]


def test_a_trouble_is_told_once_and_only_if_it_lasts(teller: Teller, night: Night, webhook: Webhook) -> None:
    for pause in (2.0, 4.0, 8.0, 20.0):
        teller.follow(Waiting("agent", "the service is overloaded", pause))
    night.discard(1, 9.9)
    teller.follow(ExperimentJudged(judged(night, 1)))  # It was over.
    for pause in (20.0, 30.0, 60.0, 120.0, 240.0):
        teller.follow(Waiting("agent", "the service is overloaded", pause))
    end(teller)
    (post,) = webhook.posts
    assert post["title"].endswith("waits: agent")
    assert "the service is overloaded" in post["message"]
    assert "the next try is in 1 min" in post["message"]


def test_that_a_person_has_paused_it_is_told_with_the_reason(teller: Teller, webhook: Webhook) -> None:
    teller.follow(PersonAsked(Steered(request="a" * 16, act="pause", text="the GPU is needed")))
    end(teller)
    (post,) = webhook.posts
    assert post["title"].endswith("paused by a person")
    assert "Because: the GPU is needed" in post["message"]


def test_that_a_variant_waits_for_a_person_is_told_once(teller: Teller, night: Night, webhook: Webhook) -> None:
    night.propose(1, hypothesis="say @channel what it costs")
    proposed = night.history.proposed(1)
    assert proposed is not None
    teller.follow(ApprovalAwaited(proposed))
    teller.follow(ApprovalAwaited(proposed))  # After a trouble, say.
    end(teller)
    (post,) = webhook.posts
    assert post["title"].endswith("experiment 1 waits for your approval")
    assert "Experiment 1: say ＠channel what it costs" in post["message"]
    assert "Nobody meets it before you have said yes" in post["message"]
    assert "Look: overnight approve 1" in post["message"]


def test_who_stops_it_themselves_is_not_told(teller: Teller, webhook: Webhook) -> None:
    teller.follow(SessionClosed(finished=False, reason="put down after experiment 3, as a person asked"))
    teller.follow(SessionClosed(finished=False, reason="interrupted"))
    end(teller)
    assert webhook.posts == []


def test_what_goes_wrong_in_it_is_said_once(teller: Teller, night: Night, tmp_path: Path) -> None:
    night.ledger.close()
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    for _ in range(3):
        teller.follow(SessionClosed(finished=True, reason="done"))
    end(teller)
    (note,) = teller.notices()
    assert note.startswith("`notify:` failed (")
