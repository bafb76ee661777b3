"""A whole session with a model by API, against a server on this machine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from overnight.propose.models.changing import TOOL
from tests.modelserver.script import INPUT_TOKENS, OUTPUT_TOKENS, Asked, Call, Fail, Say, Step
from tests.modelserver.server import ModelServer, serving
from tests.system.conftest import Project

KEY = "a-key-of-no-known-form-0123456789"
_EACH = INPUT_TOKENS + OUTPUT_TOKENS


def knob(asked: Asked) -> Sequence[Step]:
    """Experiment N sets the knob to 10 + 3 N, from wherever it stands."""
    number = asked.experiment or 0
    edit = {"path": "solve.py", "search": f"KNOB = {7 + 3 * number}", "replace": f"KNOB = {10 + 3 * number}"}
    return [Call(TOOL, {"hypothesis": f"set the knob to {10 + 3 * number}", "edits": [edit]})]


def use(project: Project, server: ModelServer, monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    """Have the project ask the server."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    project.set(**{"agent": "openai:gpt-4o", "base_url": f"{server.url}/v1", **settings})
    project.commit()


def test_a_night_with_a_model(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(knob) as server:
        use(project, server, monkeypatch, stop="{experiments: 3}")
        project.ok("run")
    log = project.log()
    assert [record["verdict"] for record in log] == ["baseline", "keep", "keep", "keep"]
    assert [record["hypothesis"] for record in log[1:]] == [f"set the knob to {knob}" for knob in (13, 16, 19)]
    status = project.status()
    assert (status["state"], status["kept"], status["best"]) == ("finished", 3, 18)
    assert status["tokens"] == 3 * _EACH
    assert status["cost"] == pytest.approx(3 * 0.0025)
    assert {asked.key for asked in server.asked} == {KEY}
    kept = [path for path in (project.folder / ".overnight").rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize("rule", [f"tokens: {2 * _EACH}", "cost: 0.005"])
def test_it_ends_when_the_model_has_cost_enough(project: Project, monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    with serving(knob) as server:
        use(project, server, monkeypatch, stop=f"{{{rule}}}")
        project.ok("run")
    assert len(project.log()) - 1 in (2, 3)
    assert project.status()["state"] == "finished"


def test_a_model_of_unknown_price_is_counted_in_tokens(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(knob) as server:
        use(project, server, monkeypatch, agent="openai:test-model", stop="{experiments: 2}")
        project.ok("run")
    assert project.status()["tokens"] == 2 * _EACH


def test_a_model_that_is_busy_once_loses_no_experiment(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_before: list[Asked] = []

    def busy_once(asked: Asked) -> Sequence[Step]:
        asked_before.append(asked)
        return [Fail("limit", retry_after=1)] if len(asked_before) == 2 else knob(asked)

    with serving(busy_once) as server:
        use(project, server, monkeypatch, stop="{experiments: 3}")
        project.ok("run")
    assert [record["verdict"] for record in project.log()] == ["baseline", "keep", "keep", "keep"]
    assert len(server.asked) == 4


def test_a_model_that_only_talks_changes_nothing(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving([Say("Shall I turn the knob?")]) as server:
        use(project, server, monkeypatch, stop="{experiments: 1}")
        project.ok("run")
    record = project.log()[1]
    assert record["verdict"] == "no_change"
    assert record["reason"].startswith("the model asked a question")
    assert project.status()["tokens"] == 2 * _EACH


def test_a_wrong_key_is_said_at_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving([Fail("key")]) as server:
        use(project, server, monkeypatch)
        said = project.overnight("run")
    assert said.returncode == 2
    assert "set OPENAI_API_KEY" in said.stdout + said.stderr


def test_without_a_key_it_does_not_begin(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    project.set(agent="openai:gpt-4o")
    project.commit()
    assert "OPENAI_API_KEY is not set" in project.refused("run")
    assert not _ledger_rows(project.folder)


def _ledger_rows(folder: Path) -> bool:
    return (folder / ".overnight" / "ledger.db").exists()


def test_a_goal_in_english_is_read_by_the_model(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        {"key": "edit", "value": "solve.py", "quote": "turn the one in solve.py"},
        {"key": "metric", "value": "loss", "quote": "what it prints as the loss"},
        {"key": "direction", "value": "lower", "quote": "come down"},
    ]
    with serving([Call("settings", {"settings": found})]) as server:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        project.write(
            "wish.md", "Of all knobs,\nturn the one in solve.py,\nso that what it prints as the loss may come down."
        )
        said = project.ok("init", "--from", "wish.md", "--agent", "openai:gpt-5", "--yes", "--force")
    assert "line 2: “turn the one in solve.py”" in said
    assert "edit: solve.py" in (project.folder / "goal.md").read_text()
    assert json.loads(server.received[0].text)["model"] == "gpt-5"
