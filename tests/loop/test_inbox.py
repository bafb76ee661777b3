"""What people ask of a session, as files."""

from __future__ import annotations

from pathlib import Path

from overnight.loop.inbox import Inbox, Request


def test_what_no_ledger_can_look_up_is_no_request(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    inbox.put(Request(act="hint", text="smaller steps"))
    name = "a" * 16
    text = f'{{"act": "take_back", "number": 99999999999999999999, "request": "{name}", "time": 1.0}}'
    (tmp_path / f"{name}.json").write_text(text)
    assert [request.act for request in inbox.waiting()] == ["hint"]


def test_a_request_that_cannot_be_cleared_away_ends_no_night(tmp_path: Path) -> None:
    request = Request(act="hint", text="smaller steps")
    (tmp_path / f"{request.request}.json").mkdir()  # Not to be had by `unlink`, whoever runs this.
    Inbox(tmp_path).clear(request)
