from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.goal.english import read_english
from overnight.goal.reading.sentences import LONGEST, pieces
from overnight.goal.settings import Settings

PROGRAM = (Path(__file__).parent / "fixtures" / "program.md").read_text(encoding="utf-8")


def values(text: str) -> dict[str, str | float]:
    return {key: found.value for key, found in read_english(text).items()}


def test_a_program_in_the_autoresearch_form_gives_every_setting() -> None:
    assert values(PROGRAM) == {
        "edit": "train.py",
        "run": "uv run train.py",
        "metric": "val_bpb",
        "direction": "lower",
        "budget": 300.0,
        "kill_at": 600.0,
        "read": "~/.cache/nightly",
    }


def test_each_setting_quotes_a_sentence_that_stands_on_its_line() -> None:
    lines = PROGRAM.splitlines()
    for found in read_english(PROGRAM).values():
        first_words = " ".join(found.sentence.split()[:3])
        assert first_words in lines[found.line - 1].replace("**", "")


def test_the_quoted_sentences_are_the_plainest_ones() -> None:
    found = read_english(PROGRAM)
    assert found["edit"].sentence.startswith("Modify `train.py` — this is the only file you edit")
    assert found["run"].sentence == "You launch it simply as: `uv run train.py`."
    assert found["metric"].sentence == "The goal is simple: get the lowest val_bpb."
    assert found["direction"].sentence == "The goal is simple: get the lowest val_bpb."
    assert "fixed time budget of 5 minutes" in found["budget"].sentence
    assert "exceeds 10 minutes, kill it" in found["kill_at"].sentence


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    assert values("\ufeff" + PROGRAM.replace("\n", "\r\n")) == values(PROGRAM)


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("Only modify `SKILL.md`. Never modify `config.yaml`.", "SKILL.md"),
        ("`solve.py` is the editable part. `setup.py` is fixed infrastructure.", "solve.py"),
        ("- Edit **only** `solver.py`.\n- Do not edit `prepare.py` or anything under `data/`.", "solver.py"),
        ("```\nrank.py   — your ideas go here (YOU MODIFY THIS)\neval.py  — the judge (DO NOT MODIFY)\n```", "rank.py"),
        ("You may change anything in train.py: the layers, the optimizer.", "train.py"),
        ("Do not change any files other than `src/core/heap.rs`.", "src/core/heap.rs"),
        ("make `bench.py` faster without changing what it prints", "bench.py"),
        ("Edit `a.py` but never touch `b.py`; `b.py` is read-only.", "a.py"),
        ("You must not edit:\n\n- `a.py`\n\nYou may edit:\n\n- `b.py` — edit it freely", "b.py"),
    ],
)
def test_edit(text: str, edit: str) -> None:
    assert values(text)["edit"] == edit


@pytest.mark.parametrize(
    "text",
    [
        "Never modify `game.cpp` or `run.sh`.",
        "Read `README.md` and `prepare.py` first.",
        "`prepare.py` — data and evaluation. Do not modify.",
        "What you cannot change:\n- `harness.py`",
    ],
)
def test_a_file_that_is_only_read_or_forbidden_is_not_the_one_to_edit(text: str) -> None:
    assert "edit" not in values(text)


@pytest.mark.parametrize(
    ("text", "run"),
    [
        ("Run the experiment: `python train.py > run.log 2>&1`", "python train.py"),
        ("Run the experiment: `python train.py 2>&1 | tee run.log`", "python train.py"),
        ("Launch it with `WORKERS=4 node bench.js --fast`.", "WORKERS=4 node bench.js --fast"),
        ("Prepare once: `python prepare.py`. Each time, run `python train.py`.", "python train.py"),
        ("4. Run:\n\n```bash\npython pipeline.py --config c.json\n```", "python pipeline.py --config c.json"),
        ("```\n1. git commit\n2. uv run python bench.py > run.log 2>&1\n```", "uv run python bench.py"),
        ("Run it with python model.py. It prints a number.", "python model.py"),
        ("Run:\n```\npython x.py \\\n  --seed 1\n```", "python x.py --seed 1"),
        ("Run `python3 -m evals.main`.", "python3 -m evals.main"),
    ],
)
def test_run(text: str, run: str) -> None:
    assert values(text)["run"] == run


@pytest.mark.parametrize(
    "text",
    [
        "Install first: `pip install torch`, or run `npm install`.",
        "Run `git commit` and `tail -n 50 run.log`.",
        "Run: `python runner.py --id exp_{NNN}`",
        "If it is missing, tell the human to run `uv run prepare.py`.",
    ],
)
def test_what_is_run_once_or_by_hand_is_not_the_run(text: str) -> None:
    assert "run" not in values(text)


@pytest.mark.parametrize(
    ("text", "metric", "direction"),
    [
        ("**The goal: get the highest `score`.**", "score", "higher"),
        ("Your goal: **maximize accuracy %** over the whole run.", "accuracy", "higher"),
        ("Lower `seconds` without changing the output.", "seconds", "lower"),
        ("If `intent_err` is strictly lower, keep it.", "intent_err", "lower"),
        ("If score improved (higher than best so far): keep. Read it: `grep '^score:' run.log`", "score", "higher"),
        ("Minimize the p99_ms of a request. Higher throughput is nice too.", "p99_ms", "lower"),
        ("Goal: maximize tok/s.\n```\ntok_per_sec: 4.8\n```\n`grep '^tok_per_sec:' run.log`", "tok_per_sec", "higher"),
        ("Your aim: maximize the **hit rate**.\n\n```\nhit_rate: 0.71\n```", "hit_rate", "higher"),
        ("Primary metric: val_loss. Lower is better.", "val_loss", "lower"),
    ],
)
def test_metric_and_direction(text: str, metric: str, direction: str) -> None:
    found = values(text)
    assert (found.get("metric"), found.get("direction")) == (metric, direction)


def test_ideas_that_lower_something_else_do_not_turn_the_direction() -> None:
    text = "Get the highest accuracy. Ideas: lower the learning rate, reduce the batch size, decrease dropout."
    assert values(text) == {"metric": "accuracy", "direction": "higher"}


@pytest.mark.parametrize(
    ("text", "budget", "kill_at"),
    [
        ("A fixed time budget of 2 minutes. If a run exceeds 20 minutes wall clock, kill it.", 120, 1200),
        ("Budget: 120 seconds. A 15m threshold and 48h momentum are settings.", 120, None),
        ("Each run gets 30s.", 30, None),
        ("Run one five-minute trial.", 300, None),
        ("If a run takes longer than 90 seconds, kill it.", 90, None),
        ("Each experiment should take 5 minutes. Anything over 4 minutes counts as timed out.", 300, None),
        ("A fixed 5-minute budget (wall clock, excludes model load time).", 300, 600),
        ("Time budget: 1.5 hours per run, with a timeout of 2 hours.", 5400, 7200),
    ],
)
def test_budget_and_kill_at(text: str, budget: float, kill_at: float | None) -> None:
    found = values(text)
    assert (found.get("budget"), found.get("kill_at")) == (budget, kill_at)


def test_a_kill_time_made_up_for_start_up_says_so() -> None:
    found = read_english("A fixed 5-minute budget (wall clock, excluding start-up).")
    assert "start-up" in found["kill_at"].note
    assert not found["budget"].note


def test_several_files_that_may_all_be_changed_are_not_one_answer() -> None:
    assert "edit" not in values("You may edit:\n\n- `a.py`\n- `b.py`\n- `c.json`")


def test_stopping() -> None:
    assert values("Stop after exactly 6 experiments.") == {"stop.experiments": 6.0}
    assert values("Quit after 8 hours.") == {"stop.hours": 8.0}
    assert values("You can run approximately 12/hour, about 100 experiments over a night.") == {}


def test_a_scorer_is_not_the_run() -> None:
    found = values("Run it with `python retrieve.py`. The result is scored by `python score.py`.")
    assert (found["run"], found["score"]) == ("python retrieve.py", "python score.py")


def test_text_about_something_else_gives_nothing() -> None:
    assert values("# Conference programme\n\nMonday 9:00, opening. Lunch takes 90 minutes; the talks are short.") == {}


SAMPLE = """`train.py` only edit modify not the goal lowest val_bpb 5 minutes budget exceeds kill python - * # ``` : .
, ; --- val_bpb: 0.9 ** \\ grep "^a:" lower is better e.g. 1. > | 99999999 0 seconds ~/.cache/x/ { < é \u2028 \x00
\n \n\n"""
WORDS = st.sampled_from([*SAMPLE.split(" "), "`uv run x.py > a 2>&1`"])


@given(st.one_of(st.text(), st.lists(WORDS).map(" ".join)))
def test_no_text_makes_it_fail_and_what_it_finds_is_valid(text: str) -> None:
    found = read_english(text)
    plain = {key: item.value for key, item in found.items() if "." not in key}
    Settings.model_validate({"edit": "x", "run": "x", "metric": "x", **plain})
    assert all(1 <= item.line <= len(text.splitlines()) for item in found.values())


@pytest.mark.parametrize("part", ["a/b.", "`python a.py > x ", "e.g. A ", "not edit ", "```\nx\\\n", "the goal "])
def test_no_rule_ever_sees_more_than_a_page_at_once(part: str) -> None:
    """Which is what keeps the time in step with the length, whatever the rules are."""
    assert all(len(piece.text) <= LONGEST for piece in pieces(part * 20_000))
