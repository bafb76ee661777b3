"""Agents known by name, several of them in turns, reviews and repeats, through the real command line.

The agents here are small programs that speak as the real ones do; the real ones are tried in `tests/agents`.
"""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.system.conftest import AGENT, Project

RESULT = {
    "type": "result",
    "subtype": "success",
    "is_error": False,
    "num_turns": 3,
    "result": "hypothesis: closer to the middle",
    "session_id": "11111111-2222",
    "total_cost_usd": 0.25,
    "usage": {"input_tokens": 10, "cache_read_input_tokens": 990, "output_tokens": 20},
    "modelUsage": {"claude-test": {}},
}
CLAUDE = f"""#!/bin/sh
[ "$1" = --version ] && echo "VERSION (Claude Code)" && exit 0
brief=$(cat)
case "$brief" in *"# Looking back"*)
    echo '{json.dumps({**RESULT, "result": "Larger knobs pay (1, 2)."})}'; exit 0;; esac
BODY
echo '{json.dumps(RESULT)}'
"""
STEP = 'n=$(printf "%s\\n" "$brief" | sed -n "s/^# Experiment //p" | head -1)\n' + (
    'sed -i "s/^KNOB = .*/KNOB = $((10 + 3 * n))/" solve.py'
)


@pytest.fixture
def with_claude(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose agent is a program called `claude` on the PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    install(tmp_path, STEP)
    project.set(agent="claude")
    project.commit()
    return project


def install(tmp_path: Path, body: str, version: str = "2.1.0") -> None:
    program = tmp_path / "bin" / "claude"
    program.parent.mkdir(exist_ok=True)
    program.write_text(CLAUDE.replace("BODY", body).replace("VERSION", version))
    program.chmod(0o755)


def records(project: Project, kind: str) -> list[dict[str, Any]]:
    with sqlite3.connect(project.folder / ".overnight" / "ledger.db") as ledger:
        rows = ledger.execute("SELECT payload FROM events WHERE kind = ? ORDER BY id", (kind,))
        return [json.loads(payload) for (payload,) in rows]


def test_what_an_agent_reports_is_in_the_ledger_and_shown(with_claude: Project) -> None:
    project = with_claude
    project.ok("run", "--experiments", "3")
    assert [record["verdict"] for record in project.log()] == ["baseline", *["keep"] * 3]
    assert {record["hypothesis"] for record in project.log()[1:]} == {"closer to the middle"}
    proposed = records(project, "proposed")
    assert [record["proposer"] for record in proposed] == ["claude"] * 3
    used = {"cost": 0.25, "input_tokens": 1000, "output_tokens": 20, "turns": 3, "model": "claude-test"}
    assert used.items() <= proposed[0].items()
    assert proposed[0]["about"] == ["KNOB"]
    status = project.status()
    assert (status["cost"], status["tokens"]) == (0.75, 3060)
    assert "cost         $0.75, 3,060 tokens" in project.ok("status")
    assert "| claude | 3 | 100 % | 3 | 9 |" in project.report()


def test_what_was_spent_stays_spent_when_another_goes_on(with_claude: Project) -> None:
    with_claude.ok("run", "--experiments", "1")
    with_claude.ok("run", "--experiments", "3", "--agent", "search")
    assert with_claude.status()["cost"] == 0.25


def test_money_and_tokens_are_budgets(with_claude: Project) -> None:
    with_claude.set(stop="{cost: 0.6}")
    with_claude.commit()
    with_claude.ok("run")
    assert with_claude.status()["reason"] == "the proposals have cost $0.75 of $0.60"
    with_claude.set(stop="{tokens: 2000}")
    with_claude.commit()
    with_claude.ok("run", "--new")
    assert with_claude.status()["reason"] == "the proposals have used 2,040 of 2,000 tokens"


def test_a_review_becomes_part_of_the_next_briefs_and_of_the_report(with_claude: Project) -> None:
    with_claude.set(review_every="2")
    with_claude.commit()
    with_claude.ok("run", "--experiments", "5")
    assert [(record["number"], record["text"]) for record in records(with_claude, "reviewed")] == [
        (2, "Larger knobs pay (1, 2)."),
        (4, "Larger knobs pay (1, 2)."),
    ]
    assert with_claude.status()["cost"] == pytest.approx(7 * 0.25)
    told = with_claude.ok("brief")
    assert "## What was learned up to experiment 4, as a proposer wrote it down\n\n    | Larger knobs pay" in told
    assert "# Experiment 6\n" in told
    assert "- 2 **keep** closer to the middle: +3" in told
    assert "# Looking back" in with_claude.ok("brief", "--review")
    report = with_claude.report()
    assert "Written by claude after experiment 4; nobody has checked it." in report
    assert "> Larger knobs pay" in report


def test_the_same_idea_again_is_not_measured(with_claude: Project, tmp_path: Path) -> None:
    install(tmp_path, 'sed -i "s/^KNOB = .*/KNOB = 5  # $(date +%s%N)/" solve.py')
    with_claude.ok("run", "--experiments", "3")
    _, first, *others = with_claude.log()
    assert first["verdict"] == "discard"
    reason = "this was tried before: experiment 1 (discard, -5)"
    assert [(record["verdict"], record["reason"], record["runs"]) for record in others] == [
        ("no_change", reason, 0)
    ] * 2


def test_ten_repeats_put_the_session_down(with_claude: Project, tmp_path: Path) -> None:
    install(tmp_path, 'sed -i "s/^KNOB = .*/KNOB = 5/" solve.py')
    said = with_claude.refused("run", "--experiments", "50")
    assert "the last 10 proposals came to nothing, each because this was tried before" in said
    assert with_claude.status()["experiments"] == 11


def test_agents_take_turns_and_one_stands_in_for_one_that_is_down(with_claude: Project, tmp_path: Path) -> None:
    install(tmp_path, "echo '429 rate limit, retry-after: 30'; exit 1")
    with_claude.set(agent="[claude, search]")
    with_claude.commit()
    with_claude.ok("run", "--experiments", "12")
    assert {record["proposer"] for record in records(with_claude, "proposed")} == {"search"}
    troubled = records(with_claude, "troubled")
    assert len(troubled) == 1
    assert troubled[0]["reason"].startswith("claude: the agent could not work: it has reached its limit of requests")
    install(tmp_path, STEP)
    with_claude.ok("run", "--experiments", "40")
    assert {record["proposer"] for record in records(with_claude, "proposed")} == {"search", "claude"}
    assert "proposals by claude, search" in with_claude.report()


def test_each_of_several_agents_has_a_copy_of_its_own(project: Project) -> None:
    project.write("other.sh", AGENT.replace("3 *", "2 *"))
    project.set(agent='["sh agent.sh", "sh other.sh"]', agent_timeout="20s")
    project.commit()
    project.ok("run", "--experiments", "30")
    proposed = records(project, "proposed")
    assert {record["proposer"] for record in proposed} == {"sh agent.sh", "sh other.sh"}
    assert all(record["commit"] for record in proposed if "tried before" not in record["reason"])
    for record, verdict in zip(proposed, project.log()[1:], strict=True):
        knob = 10 + (3 if record["proposer"] == "sh agent.sh" else 2) * record["number"]
        assert record["hypothesis"] == f"set the knob to {knob}"
        assert verdict["metric"] in (None, abs(knob - 37))


def test_an_agent_that_is_not_there_or_too_old(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    project.set(agent="claude")
    project.commit()
    said = project.refused("run")
    assert "'claude', which was not found; install it (`npm install -g @anthropic-ai/claude-code`)" in said
    install(tmp_path, STEP, version="1.0.3")
    assert "is of version 1.0.3" in project.refused("check")


@pytest.mark.parametrize(
    ("result", "verdict", "reason"),
    [
        ({"result": "Shall I raise the knob?"}, "no_change", "the agent asked a question instead of changing anything"),
        ({"result": ""}, "no_change", "the agent said nothing and changed nothing"),
        ({"result": "I looked at it."}, "no_change", "the agent changed nothing"),
        ({"result": "I can't help with that."}, "no_change", "the model refused to work on this"),
    ],
)
def test_each_way_to_do_nothing_has_its_own_reason(
    with_claude: Project, tmp_path: Path, result: dict[str, str], verdict: str, reason: str
) -> None:
    install(
        tmp_path, f"echo '{json.dumps({**RESULT, **result}).replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}'; exit 0"
    )
    with_claude.ok("run", "--experiments", "1")
    last = with_claude.log()[-1]
    assert last["verdict"] == verdict
    assert last["reason"].startswith(reason)
    assert records(with_claude, "proposed")[0]["cost"] == 0.25


@pytest.mark.parametrize(
    ("complaint", "words"),
    [
        ("Invalid API key · Please run /login", "its key was refused, or it is not logged in (run `claude` once"),
        ("Credit balance is too low", "there is no credit left"),
        ("model: claude-9 not_found_error", "there is no such model, or it may not be used"),
    ],
)
def test_who_cannot_work_says_why_and_costs_no_experiment(
    with_claude: Project, tmp_path: Path, complaint: str, words: str
) -> None:
    failed = {**RESULT, "is_error": True, "result": complaint}
    install(tmp_path, f"echo '{json.dumps(failed, ensure_ascii=False)}'; exit 1")
    said = with_claude.refused("run", "--experiments", "5")
    assert words in said
    assert with_claude.status()["experiments"] == 0
    assert with_claude.status()["cost"] == pytest.approx(0.5)  # It was tried three times, and two of them are written.


def test_a_plain_command_is_never_asked_to_look_back(project: Project) -> None:
    project.write("agent.sh", 'grep -q "Looking back" "$OVERNIGHT_BRIEF" && exit 9\n' + AGENT)
    project.set(review_every="1")
    project.commit()
    project.ok("run", "--experiments", "3")
    assert records(project, "reviewed") == []
