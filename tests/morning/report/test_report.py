"""The morning's report: true, complete, and safe to open whatever an agent called its ideas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from overnight.ledger.records import Judged, Part, Resumed, Reviewed, Steered, Troubled, Verified, VerifiedEach
from overnight.morning.report.files import write_report
from overnight.morning.summary import summarize
from tests.night import SETTINGS, Night, sha

PATCH = """diff --git a/train.py b/train.py
index 1111111..2222222 100644
--- a/train.py
+++ b/train.py
@@ -1,2 +1,2 @@
 import numpy as np
-LR = 0.1
+LR = 0.2  # {number}
"""
RTL = "\u202e"


@dataclass(frozen=True)
class Written:
    """What a report's files say."""

    page: str
    markdown: str


def patch_of(judged: Judged) -> str:
    return PATCH.replace("{number}", str(judged.number))


def report(night: Night, folder: Path, *, running: bool = False) -> Written:
    summary = summarize(night.history, running=running)
    written = write_report(night.history, summary, folder / "report", patch_of)
    assert (written.picture is not None) == (summary.baseline is not None)
    if written.picture is not None:
        assert written.picture.read_bytes().startswith(b"\x89PNG")
    return Written(written.page.read_text(), written.markdown.read_text())


def whole_night(night: Night) -> None:
    """Something of everything that a report tells."""
    night.history.append(Resumed(pid=1, settings={**SETTINGS, "agent": ["search", "claude"]}))
    night.baseline(10.0)
    night.keep(1, 8.0, "halve the step", gain_low=1.5, gain_high=2.5, before=10.0)
    night.keep(2, 7.5, "drop a layer", gain_low=0.5, gain_high=0.5, before=8.0, flags=("it mentions score.py",))
    night.keep(3, 7.4, "luck", undecided=True, evidence={"chance": 0.8})
    night.discard(3, 7.6, "luck", gain=-0.1, reason="taken back: too little promise")
    night.discard(4, 9.0, "double it", gain=-1.5, gain_low=-2.0, gain_high=-1.0, about=("STEP",))
    night.discard(5, 7.4, "nearly", gain=0.1, gain_low=-0.1, gain_high=0.3, about=("STEP",), undecided=True,
                  evidence={"chance": 0.6, "noise": 0.1})  # fmt: skip
    night.crash(6, "it fell over")
    night.crash(7, "it fell over")
    night.judge(8, "no_change")
    night.measure(1, "candidate", 8.0, wall_seconds=3.0, cpu_seconds=2.0, joules=7200.0)
    night.measure(2, "candidate", 7.5, wall_seconds=3.0, cpu_seconds=2.0)
    night.propose(9, cost=1.25, input_tokens=1000, output_tokens=200, proposer="claude")
    night.history.append(
        Troubled(what="agent", reason="busy", pause=5.0),
        Steered(request="1", act="hint", text="shorter <b>warm-up</b>"),
        Reviewed(number=8, proposer="claude", text="# Findings\nSmall steps\nhelp.\n\n- one\n- two\n"),
    )


def test_a_night_with_everything_in_it(night: Night, tmp_path: Path) -> None:
    whole_night(night)
    night.stop("all 8 experiments are done", finished=True)
    written = report(night, tmp_path)
    assert written.markdown.startswith("# Overnight ran 8 experiments in ")
    for text in (written.page, written.markdown.replace("\\", "")):
        assert "kept 2; loss 10.0 → 7.5, 25 % better, not verified yet." in text
        for told in (
            *("halve the step", "+1.50 to +2.50", "80 %", "exact", "look at it", "all 8 experiments are done"),
            *("2 kept, 3 not better, 2 crashed, 1 changed nothing.", "it fell over", "(6, 7)", "STEP", "near miss"),
            *(
                "Not verified",
                "self-reported",
                "No sandbox",
                "it mentions score.py",
                "Taken back",
                "too little promise",
            ),
            *("What people asked for", "shorter &lt;b&gt;warm-up&lt;/b&gt;"),
            *("Findings", "Small steps help.", "one", "nobody has checked it"),
            *("$1.25, 1,200 tokens", "2 Wh by the whole machine during runs, known for 1 of 2 runs", "once: agent 1"),
            *(f"git diff {sha(0)[:7]} overnight/s", "overnight apply --split", "git branch -D overnight/s"),
        ):
            assert told in text, told
    assert "2 × crashed: it fell over" in written.markdown
    assert "+LR = 0.2  # 2\n```" in written.markdown
    assert '<span class="add">+LR = <span class="m">0.2</span>' in written.page


def test_what_was_verified_is_said_of_the_whole_and_of_each(night: Night, tmp_path: Path) -> None:
    whole_night(night)
    known = {"baseline_commit": sha(0), "best_commit": sha(2), "command": "python score.py"}
    night.history.append(
        Verified(baseline=10.0, best=7.4, pairs=5, percent=26.0, percent_low=24.5, percent_high=27.5, **known),
        VerifiedEach(
            best_commit=sha(2),
            command="python score.py",
            runs=8,
            parts=(
                Part(number=1, gain=2.5, gain_low=2.0, gain_high=3.0),
                Part(number=2, gain=0.0, gain_low=-0.1, gain_high=0.1),
            ),
        ),
    )
    written = report(night, tmp_path)
    for text in (written.page, written.markdown):
        assert "25 % better, verified 26 % (95 % interval 24.5 to 27.5)." in text
        assert "adds 2.5 (95 % interval 2 to 3)" in text
        assert text.count("adds nothing that can be seen: 0 (95 % interval −0.1 to 0.1)") == 2  # in the table, in doubt
        assert "Not verified" not in text
    night.keep(9, 7.0, "something newer")
    assert "adds 2.5" not in report(night, tmp_path).page


def test_a_gain_that_verification_does_not_confirm_is_named(night: Night, tmp_path: Path) -> None:
    whole_night(night)
    night.history.append(
        Verified(
            baseline_commit=sha(0),
            best_commit=sha(2),
            command="x",
            baseline=10.0,
            best=10.1,
            pairs=5,
            percent=-1.0,
            percent_low=-3.0,
            percent_high=1.0,
        )
    )
    written = report(night, tmp_path)
    for text in (written.page, written.markdown):
        assert "verified 1 % worse (95 % interval -3 to 1)" in text
        assert "The verification does not confirm the gain" in text


def test_every_state_says_what_it_is(night: Night, tmp_path: Path) -> None:
    began = report(night, tmp_path, running=True)
    assert "has not measured the baseline of loss yet" in began.page
    assert "still at work" in began.page
    assert "There is no chart yet" in began.page
    night.baseline(10.0)
    for text in (report(night, tmp_path).page, report(night, tmp_path).markdown):
        assert "ran 0 experiments" in text
        assert "kept none; loss stays at 10" in text
        assert "There is nothing to take" in text
        assert "it was cut off" in text
    night.discard(1, 10.0)
    night.stop("interrupted")
    for text in (report(night, tmp_path).page, report(night, tmp_path).markdown):
        assert "ran 1 experiment in" in text
        assert "Nothing was really better than the baseline" in text
        assert "goes on where it was" in text
        assert "interrupted" in text


def test_which_machines_made_the_runs_is_said_where_there_were_more_than_one(night: Night, tmp_path: Path) -> None:
    night.baseline(10.0)
    night.measure(0, "baseline", 10.0)
    assert "machines" not in report(night, tmp_path).markdown
    for seed in range(3):
        night.measure(1, "candidate", 9.0, seed=seed, slot=seed, machine="gpu-b")
    written = report(night, tmp_path)
    assert "- machines: the runs were made 3 on gpu-b, 1 on this one\n" in written.markdown
    assert "3 on gpu-b, 1 on this one" in written.page


def test_what_nobody_met_has_no_effect_to_be_told(night: Night, tmp_path: Path) -> None:
    night.baseline(10.0)
    night.judge(1, "discard", hypothesis="bolder words", reason="a person turned it down")
    assert "\n- 1 bolder words\n" in report(night, tmp_path).markdown


def test_a_session_that_does_not_work_says_what_it_waits_for(night: Night, tmp_path: Path) -> None:
    night.baseline(10.0)
    night.history.append(Troubled(what="agent", reason="the *service* is busy", pause=60.0))
    waiting = report(night, tmp_path, running=True)
    assert "It waits: the *service* is busy; next try at " in waiting.page
    assert "It waits: the \\*service\\* is busy; next try at " in waiting.markdown
    night.history.append(Steered(request="1", act="pause"))
    assert "It is paused by a person since " in report(night, tmp_path, running=True).page


def test_what_an_agent_wrote_is_text_and_nothing_else_in_markdown(night: Night, tmp_path: Path) -> None:
    night.baseline(10.0)
    night.keep(1, 8.0, "a | b\n# Title <script>alert(1)</script> ![x](http://evil/p.png) `code`")
    night.crash(2, "</sub><img src=x onerror=y>")
    text = report(night, tmp_path).markdown
    row = next(line for line in text.splitlines() if line.startswith("| 1 |"))
    assert row.replace("\\|", "").count("|") == 10
    assert "<script" not in text
    assert "<img" not in text
    assert "![x](http" not in text


EVIL = (
    f"<script>alert(1)</script></title></style></svg>`{RTL}\x1b[31m\x00 {{{{ 7*7 }}}} &amp; \"'>"
    "<img src=x onerror=alert(2)>"
)


def test_what_an_agent_wrote_is_text_and_nothing_else_in_the_page(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night.baseline(10.0)
    night.keep(1, 8.0, EVIL, flags=(EVIL,), about=(EVIL,), before=10.0)
    night.discard(2, 9.0, EVIL, gain=-1.0, about=(EVIL,), proposer=EVIL)
    night.crash(3, EVIL)
    night.propose(4, proposer=EVIL, cost=1.0)
    night.history.append(Reviewed(number=3, proposer=EVIL, text=f"- {EVIL}\n\n{EVIL}"))
    night.stop(EVIL)
    monkeypatch.setitem(globals(), "PATCH", PATCH.replace("LR", EVIL))
    written = report(night, tmp_path)
    page = written.page
    assert page.count("<script") == page.count("<img") == 0
    assert page.count("</title>") == page.count("<title")
    assert page.count("</style>") == 1
    assert "{{ 7*7 }}" in page
    for text in (page, written.markdown):
        assert not {sign for sign in text if not sign.isprintable()} - {"\n", "\t", "\N{NO-BREAK SPACE}"}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_long_diff_is_cut_and_says_so(night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    night.baseline(10.0)
    night.keep(1, 8.0, "rewrite it")
    monkeypatch.setitem(globals(), "PATCH", PATCH + "+x = 1\n" * 1000)
    written = report(night, tmp_path)
    assert "806 more lines are left out here: <code>overnight show 1</code>" in written.page
    assert "806 more lines: `overnight show 1`" in written.markdown


def test_a_fence_in_a_diff_does_not_end_the_fence_around_it(
    night: Night, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night.baseline(10.0)
    night.keep(1, 8.0, "write docs")
    monkeypatch.setitem(globals(), "PATCH", PATCH + "+````html\n+<b>\n")
    assert "`````diff\n--- a/train.py" in report(night, tmp_path).markdown


def test_a_very_long_night_makes_a_small_page(night: Night, tmp_path: Path) -> None:
    night.baseline(1000.0)
    words = "widen the attention window and lower the learning rate so that the schedule fits the shorter budget; " * 2
    records: list[Judged] = []
    for number in range(1, 5001):
        known = {"number": number, "hypothesis": f"{words}{number}", "reason": "…", "about": (f"f{number % 97}",)}
        metric = 1000.0 - number / 10
        if number % 50 == 0:
            records.append(
                Judged(verdict="keep", metric=metric, before=metric + 5, gain=5.0, commit=sha(number), **known)
            )
        elif number % 33 == 0:
            records.append(Judged(verdict="crash", **{**known, "reason": f"exit code {number}"}))
        else:
            records.append(Judged(verdict="discard", metric=metric + number % 7, gain=-float(number % 7), **known))
    night.history.append(*records)
    written = report(night, tmp_path)
    assert len(written.page) < 3_000_000
    assert "ran 5,000 experiments" in written.page
