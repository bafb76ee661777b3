"""The night in a terminal: what stands there, and what must never reach it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from overnight.cli.now import Now
from overnight.cli.view import Watcher
from overnight.goal.settings import Settings
from overnight.ledger.records import Judged, Measured, Proposed, Reviewed, Steered
from overnight.loop.events import (
    ApprovalAwaited,
    ExperimentJudged,
    PersonAsked,
    ProposalFinished,
    ProposalStarted,
    Review,
    ReviewStarted,
    RunFinished,
    RunStarted,
    SessionClosed,
    SessionOpened,
    Waiting,
)
from tests.streams import SLOTS, four_slots, proposed, ran, starts

SETTINGS = Settings.model_validate(
    {"edit": "train.py", "run": "x", "metric": "loss", "budget": 90, "kill_at": 120, "stop": {"experiments": 8}}
)
BASELINE = Judged(number=0, verdict="baseline", reason="3 runs", hypothesis="the baseline", metric=2.0)
KEEP = Judged(number=1, verdict="keep", reason="better by 0.5", hypothesis="raise LR", metric=1.5)
CRASH = Judged(number=2, verdict="crash", reason="it fell over", hypothesis="go wild")
RUN = Measured(number=1, role="candidate", commit="", fingerprint="", seed=0, outcome="ok")


def screen(*, terminal: bool, width: int = 100) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=width, height=30, highlight=False, color_system=None
    )


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_live_view_says_what_is_going_on() -> None:
    console = screen(terminal=True)
    watcher = Watcher(console, plain=False)
    with watcher:
        watcher.show(SessionOpened("2026-01-01", SETTINGS, "a" * 40, None))
        for judged in (BASELINE, KEEP, CRASH):
            watcher.show(ExperimentJudged(judged))
        watcher.show(ProposalStarted(3, "search"))
        watcher.show(ProposalFinished(Proposed(number=3, hypothesis="lower LR", proposer="search", parent="")))
        watcher.show(RunStarted(3, "candidate", 1, "lower LR", 120.0))
        with console.capture() as capture:
            console.print(watcher._draw())
    frame = capture.get()
    for part in (
        "experiment 3 of 8  lower LR",
        "measuring the candidate",
        "90 s left",
        "best loss 1.5 (25 % better)",
        "kept 1 · not better 0 · failed 1",
        "left",
    ):
        assert part in frame


def test_what_proposing_costs_is_shown_as_it_is_spent() -> None:
    console = screen(terminal=True, width=140)
    spent = {"cost": 0.25, "input_tokens": 1000, "output_tokens": 20}
    with Watcher(console, plain=False) as watcher:
        watcher.show(SessionOpened("s", SETTINGS, "a" * 40, None))
        watcher.show(ExperimentJudged(BASELINE))
        proposed = {"number": 1, "hypothesis": "x", "proposer": "claude", "parent": ""}
        watcher.show(ProposalFinished(Proposed.model_validate({**proposed, **spent})))
        watcher.show(ReviewStarted(1, "claude"))
        with console.capture() as capture:
            console.print(watcher._draw())
        assert "claude writes down what it has learned" in capture.get()
        watcher.show(Review(Reviewed.model_validate({"number": 1, "proposer": "claude", "text": "x", **spent})))
        with console.capture() as capture:
            console.print(watcher._draw())
    assert "$0.50, 2,040 tokens" in capture.get()


@pytest.mark.parametrize("width", [12, 24, 60, 100])
def test_the_live_view_fits_any_terminal(width: int) -> None:
    now = Now()
    now.follow(SessionOpened("s", SETTINGS, "a" * 40, None))
    for judged in (BASELINE, KEEP, CRASH):
        now.follow(ExperimentJudged(judged))
    console = screen(terminal=True, width=width)
    for event in (RunStarted(3, "candidate", 1, "a very long story " * 9, 120.0), Waiting("agent", "down " * 30, 60)):
        now.follow(event)
        with console.capture() as capture:
            console.print(now.draw(width))
        lines = capture.get().rstrip("\n").splitlines()
        assert len(lines) == (5 if width < 72 else 4)
        assert all(len(line.rstrip()) <= width for line in lines)


def frame(now: Now, width: int) -> list[str]:
    console = screen(terminal=True, width=width)
    with console.capture() as capture:
        console.print(now.draw(width))
    return [line.rstrip() for line in capture.get().splitlines()]


@pytest.mark.parametrize("width", [20, 60, 80, 120])
def test_a_line_for_each_slot_and_one_for_those_who_think(width: int) -> None:
    now = Now()
    now.follow(SessionOpened("s", SETTINGS, "a" * 40, None))
    for event in four_slots():
        now.follow(event)
    lines = frame(now, width)
    assert all(len(line) <= width for line in lines)
    assert len(lines) == 1 + 1 + SLOTS + 1 + (2 if width < 72 else 1)
    if width < 60:
        return
    assert lines[1] == "3 of 4 slots at work  1 of 8 experiments decided"
    for line, parts in zip(lines[2:], (("0", "experiment 4", "measuring the candidate", "s left"),
                                       ("1", "experiment 1", "trying the guards"), ("2", "experiment 2", "deciding"),
                                       ("3", "free"), ("claude is thinking about experiments 6 and 7; 1 waits",)),
                           strict=False):  # fmt: skip
        assert all(part in line for part in parts), line
    assert ("idea 4" in lines[2]) == (width > 72)


def test_more_slots_than_there_are_lines_for() -> None:
    now = Now()
    now.follow(SessionOpened("s", SETTINGS, "a" * 40, None))
    for slot in range(20):
        now.follow(RunStarted(slot + 1, "candidate", 1, "x", 120.0, slot))
    lines = frame(now, 100)
    assert "experiment 8" in lines[9]
    assert lines[10].strip() == "and 12 more"


def test_one_slot_stays_one_thing_at_a_time_with_a_line_for_who_thinks_beside_it() -> None:
    now = Now()
    now.follow(SessionOpened("s", SETTINGS, "a" * 40, None))
    for event in (ExperimentJudged(BASELINE), proposed(1), starts(1, 0)):
        now.follow(event)
    before = frame(now, 100)
    assert "experiment 1 of 8  idea 1" in before[1]
    now.follow(ProposalStarted(2, "claude"))
    beside = frame(now, 100)
    assert beside[3].startswith("claude is thinking about experiment 2, ")
    assert len(beside) == len(before) + 1
    now.follow(proposed(2))
    assert len(frame(now, 100)) == len(before)
    now.follow(ran(1, 0))
    now.follow(ExperimentJudged(KEEP))
    title, doing = frame(now, 100)[1:3]
    assert (title, doing.split(",")[0]) == ("experiment 1 of 8  idea 1", "getting ready")


def test_while_it_is_paused_what_is_under_way_goes_on() -> None:
    now = Now()
    now.follow(SessionOpened("s", SETTINGS, "a" * 40, None))
    for event in four_slots():
        now.follow(event)
    now.follow(PersonAsked(Steered(request="1", act="pause")))
    now.follow(ran(4, 0))
    now.follow(starts(4, 0))
    shown = "\n".join(frame(now, 100))
    assert "measuring the candidate" in shown
    assert "paused by a person" in shown
    now.follow(PersonAsked(Steered(request="2", act="resume")))
    assert "paused" not in "\n".join(frame(now, 100))
    now.follow(Waiting("agent", "down", 60))
    shown = "\n".join(frame(now, 100))
    assert "0 of 4 slots at work" in shown
    assert "waiting: down" in shown
    now.follow(starts(4, 0))
    assert "waiting: down" not in "\n".join(frame(now, 100))


def test_that_a_variant_waits_for_a_person_is_said_with_what_to_do() -> None:
    awaited = ApprovalAwaited(Proposed(number=3, hypothesis="say what it costs", proposer="claude", parent=""))
    console = screen(terminal=False, width=60)
    with Watcher(console, plain=True) as watcher:
        watcher.show(SessionOpened("s", SETTINGS, "a" * 40, None))
        watcher.show(awaited)
    assert "note: experiment 3 is waiting for your approval: `overnight approve 3` or the dashboard" in text(console)
    now, console = Now(), screen(terminal=True)
    now.follow(awaited)
    with console.capture() as capture:
        console.print(now.draw(100))
    assert "experiment 3  say what it costs" in capture.get()
    assert "waiting for your approval: `overnight approve 3` or the dashboard, 0 s" in capture.get()


def test_what_is_paused_says_so_until_something_is_done_again() -> None:
    now, console = Now(), screen(terminal=True)
    now.follow(SessionOpened("s", SETTINGS, "a" * 40, None))

    def shown() -> str:
        with console.capture() as capture:
            console.print(now.draw(100))
        return capture.get()

    now.follow(PersonAsked(Steered(request="1", act="pause", refused="it is paused already")))
    assert "paused" not in shown()
    now.follow(PersonAsked(Steered(request="2", act="pause")))
    assert "paused by a person, 0 s" in shown()
    now.follow(PersonAsked(Steered(request="3", act="resume")))
    now.follow(ProposalStarted(4, "claude"))
    assert "claude is thinking" in shown()


@pytest.mark.parametrize("width", [40, 80])
def test_in_a_terminal_every_verdict_is_one_line(width: int) -> None:
    console = screen(terminal=True, width=width)
    with Watcher(console, plain=False) as watcher:
        watcher.show(SessionOpened("s", SETTINGS, "a" * 40, None))
        with console.capture() as capture:
            watcher.show(ExperimentJudged(KEEP.model_copy(update={"hypothesis": "long " * 50, "reason": "r" * 300})))
    lines = [line for line in capture.get().splitlines() if "keep" in line or "rrr" in line or "long" in line]
    assert len(lines) == 1
    assert "…" in lines[0]


def test_piped_or_plain_nothing_is_cut() -> None:
    console = screen(terminal=False, width=40)
    with Watcher(console, plain=True) as watcher:
        watcher.show(SessionOpened("s", SETTINGS, "a" * 40, 7, ("mind the gap",)))
        watcher.show(RunStarted(8, "candidate", 1, "x", 120.0))
        watcher.show(RunFinished(RUN))
        watcher.show(ExperimentJudged(KEEP.model_copy(update={"reason": "because " * 20})))
        watcher.show(SessionClosed(finished=True, reason="done"))
    said = text(console)
    assert "goes on after 7 experiments" in said
    assert "mind the gap" in said
    assert "because " * 19 in said
    assert len(said.splitlines()) <= 4


def test_what_a_guest_wrote_does_not_act_on_the_terminal() -> None:
    console = screen(terminal=False)
    evil = KEEP.model_copy(update={"hypothesis": "\x1b[2J\x1b]0;owned\x07 [bold]x", "reason": "\x1b[31mred\r"})
    with Watcher(console, plain=True) as watcher:
        watcher.show(ExperimentJudged(evil))
    assert "\x1b" not in text(console)
    assert "\r" not in text(console)
    assert "[bold]x" in text(console)
