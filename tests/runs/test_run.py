"""One run as the contract has it: what it sees, what is read from it, who scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from overnight.runs.run import RunOrder, RunResult, run_once
from overnight.runs.sandbox import Room, Sandbox


@pytest.fixture
def order(tmp_path: Path, sandbox: Sandbox) -> RunOrder:
    for name in ("candidate", "scoring", "artifacts"):
        (tmp_path / name).mkdir()
    artifacts = tmp_path / "artifacts"
    return RunOrder(
        command="echo loss: 1",
        score=None,
        metric="loss",
        budget=7.5,
        hard_limit=20.0,
        score_when_forced=False,
        seed=42,
        sandbox=sandbox,
        room=Room(tmp_path / "candidate", sees=(tmp_path / "candidate",), writes=(artifacts,)),
        score_room=Room(tmp_path / "scoring", sees=(tmp_path / "scoring", artifacts)),
        artifacts=artifacts,
        output=tmp_path / "run.log",
    )


def go(order: RunOrder, **changes: object) -> RunResult:
    return run_once(replace(order, **changes), lambda: False)  # type: ignore[arg-type]


def test_a_run_sees_its_budget_its_seed_and_a_folder_of_its_own(order: RunOrder) -> None:
    (order.artifacts / "stale").mkdir(parents=True)
    result = go(
        order,
        command='ls -A "$OVERNIGHT_ARTIFACTS"; pwd; echo budget=$OVERNIGHT_BUDGET_SECONDS seed=$OVERNIGHT_SEED loss: 2',
    )
    assert (result.outcome, result.value) == ("ok", 2)
    assert result.metrics == {"budget": 7.5, "seed": 42, "loss": 2}
    assert str(order.room.folder) in result.output_tail
    assert "stale" not in result.output_tail


def test_git_of_the_user_is_out_of_reach(order: RunOrder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/somewhere")
    assert go(order, command='echo "${GIT_DIR:-none}"; echo loss: 1').output_tail.startswith("none")


@pytest.mark.parametrize(
    ("command", "outcome", "reason"),
    [
        ("exit 3", "crash", "the run stopped with exit code 3"),
        ("echo loss: 1; exit 1", "crash", "the run stopped with exit code 1"),
        ("no-such-program-here", "crash", "(the command was not found)"),
        ("kill -KILL $$", "crash", "was ended by SIGKILL (out of memory?)"),
        ("echo loss: nan", "crash", "`loss` was nan, which is no measurement"),
        ("echo hello: 3", "crash", "`loss` was never printed; it did print hello"),
        ("echo loss: 1 >&2", "crash", "it printed no number with a name"),
        ("echo loss: 1; sleep 60", "timeout", "it was still running after 1 s and was ended"),
    ],
)
def test_no_metric_and_why(order: RunOrder, command: str, outcome: str, reason: str) -> None:
    result = go(order, command=command, hard_limit=1.0 if outcome == "timeout" else 20.0)
    assert (result.outcome, result.value) == (outcome, None)
    assert reason in result.reason


def test_overtime_may_be_scored_on_what_was_written(order: RunOrder) -> None:
    result = go(order, command="echo loss: 1; sleep 60", hard_limit=0.5, score_when_forced=True)
    assert (result.outcome, result.value) == ("ok", 1)
    assert result.ended.forced


def test_the_scorer_alone_says_the_metric(order: RunOrder) -> None:
    score = "pwd; echo loss: $(cat $OVERNIGHT_ARTIFACTS/answer)"
    result = go(order, command="echo loss: 0 steps: 9; echo 5 > $OVERNIGHT_ARTIFACTS/answer", score=score)
    assert (result.outcome, result.value) == ("ok", 5)
    assert result.scoring_seconds > 0
    assert result.metrics == {"steps": 9, "loss": 5}
    assert order.score_room is not None
    assert str(order.score_room.folder) in result.output_tail


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        ("exit 4", "the scorer stopped with exit code 4"),
        ("echo two circles overlap >&2; exit 1", "the scorer stopped with exit code 1: two circles overlap"),
        ("echo nothing", "scorer: `loss` was never printed"),
    ],
)
def test_a_scorer_that_fails_gives_no_metric_whatever_the_run_printed(order: RunOrder, score: str, reason: str) -> None:
    result = go(order, command="echo loss: 0", score=score)
    assert (result.outcome, result.value) == ("crash", None)
    assert reason in result.reason


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        ("echo the label was 7 >&2; exit 1", "the scorer stopped with exit code 1 (what it printed may tell"),
        ("echo label=7", "scorer: `loss` was never printed"),
    ],
)
def test_a_scorer_that_knows_what_is_hidden_is_not_quoted(order: RunOrder, score: str, reason: str) -> None:
    result = go(order, command="echo loss: 0", score=score, discreet=True)
    assert result.reason.startswith(reason)
    assert "label" not in result.reason
    assert "label" in result.output_tail, "it is there for people"


def test_the_scorer_is_not_asked_about_a_run_that_failed(order: RunOrder) -> None:
    result = go(order, command="exit 1", score="touch asked; echo loss: 1")
    assert result.outcome == "crash"
    assert order.score_room is not None
    assert not [*order.score_room.folder.iterdir()]


def test_what_a_run_used_may_be_the_metric_and_is_never_what_the_run_says(order: RunOrder) -> None:
    claim = "echo cpu_seconds: 0; echo peak_mb: 0; echo loss: 5; sleep 0.2"
    result = go(order, command=claim, score="echo bits: 2.5", metric="wall_seconds")
    assert result.outcome == "ok"
    assert result.value == result.ended.wall_seconds > 0.2
    assert result.metrics == {"loss": 5, "bits": 2.5}
    assert go(order, command=claim, score="echo bits: 2.5; exit 1", metric="cpu_seconds").outcome == "crash"
    assert go(order, command="echo done", metric="cpu_seconds").value is not None
    alone = go(order, command=claim, metric="wall_seconds")
    assert alone.value == alone.ended.wall_seconds
    assert alone.metrics == {"loss": 5}
    assert go(order, command=claim, score="echo wall_seconds: 3", metric="wall_seconds").value == 3
