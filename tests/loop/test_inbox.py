"""Requests left for the loop, and what else may lie there."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from overnight.loop.inbox import LONGEST_PATCH, Inbox, Request, Submission, Submissions


def test_the_oldest_comes_first_and_goes_when_it_is_cleared(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox")
    assert inbox.waiting() == []
    second, first = Request(act="resume", time=2.0), Request(act="pause", time=1.0)
    for request in (second, first):
        inbox.put(request)
    assert inbox.waiting() == [first, second]
    inbox.clear(first)
    assert inbox.waiting() == [second]


def test_what_is_no_request_is_passed_over(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    real = Request(act="hint", text="try more")
    inbox.put(real)
    whole, outside = real.model_dump_json(), f"../{'1' * 16}"
    odd = {
        "empty.json": "",
        "half.half": whole,
        "deep.json": "[" * 50_000,
        f"{'2' * 16}.json": whole,  # Under another's name.
        f"{'3' * 16}.json": whole.replace(real.request, outside),
        f"{'4' * 16}.json": whole.replace(real.request, "4" * 16).replace('"number":null', f'"number":{10**30}'),
        f"{'5' * 16}.json": " " * 100_000 + whole.replace(real.request, "5" * 16),
    }
    for name, text in odd.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "binary.json").write_bytes(b"\xff\x00")
    (tmp_path / "nowhere.json").symlink_to("/nowhere")
    os.mkfifo(tmp_path / "pipe.json")
    assert inbox.waiting() == [real]


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


def test_the_same_submission_is_one_however_often_it_is_left(tmp_path: Path) -> None:
    box = Submissions(tmp_path)
    first, again = (Submission.of("s", "an idea", "a patch") for _ in range(2))
    others = [Submission.of(*said) for said in (("t", "an idea", "a patch"), ("s", "an", "idea a patch"))]
    for submission in (first, again, *others):
        box.put(submission)
    assert {letter.request for letter in box.waiting()} == {first.request, *(other.request for other in others)}
    assert first.request == again.request
    assert box.holds(first.request)
    box.clear(again)
    assert not box.holds(first.request)


def test_the_longest_patch_arrives_whatever_is_in_it(tmp_path: Path) -> None:
    box = Submissions(tmp_path)
    submission = Submission.of("s", "an idea", "\u0001" * LONGEST_PATCH)
    box.put(submission)
    assert box.waiting() == [submission]


def test_two_who_leave_the_same_at_the_same_moment_are_in_nobodys_way(tmp_path: Path) -> None:
    box = Submissions(tmp_path)
    submission = Submission.of("s", "an idea", "a patch\n" * 1000)
    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(box.put, submission) for _ in range(200)]
    for each in done:
        each.result()
    assert [place.name for place in tmp_path.iterdir()] == [f"{submission.request}.json"]
