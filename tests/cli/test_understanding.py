"""`overnight init` with a model: what it takes from it, what it asks for all the same, and what it does without."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_init import front_matter, overnight_init
from tests.modelserver.script import Call, Fail, Step
from tests.modelserver.server import ModelServer, serving

WISH = "Dear colleague, turn the knob in solve.py, so that the loss may come down.\n"
SETTINGS = (
    ("edit", "solve.py", "the knob in solve.py"),
    ("metric", "loss", "so that the loss may come down"),
    ("direction", "lower", "may come down"),
    ("run", "python solve.py --fast", "as you always run it"),
    ("budget", "20s", ""),
    ("stop.cost", "5", ""),
)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "x" * 20)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "solve.py").write_text('KNOB = 10\nprint(f"loss: {KNOB}")\n')
    (tmp_path / "wish.md").write_text(WISH)
    return tmp_path


def init(step: Step, *flags: str, answers: str = "") -> tuple[str, ModelServer]:
    with pytest.MonkeyPatch.context() as patch, serving([step]) as server:
        patch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        code, output = overnight_init(*flags, "--agent", "openai:gpt-5", answers=answers)
    assert code == 0, output
    return output, server


def found(*settings: tuple[str, str, str]) -> Call:
    named = [dict(zip(("key", "value", "quote"), each, strict=True)) for each in settings]
    return Call("settings", {"settings": named})


def test_what_it_quotes_is_taken_and_what_it_suggests_is_shown_as_that(project: Path) -> None:
    output, _ = init(found(*SETTINGS), "--from", "wish.md", "--yes")
    assert "line 1: “so that the loss may come down”" in output
    assert output.count("the model's suggestion") == 3
    settings = front_matter(project / "goal.md")
    assert (settings["run"], settings["budget"]) == ("python solve.py --fast", "20s")
    assert settings["stop"] == {"cost": 5}
    assert settings["agent"] == "openai:gpt-5"


def test_a_suggestion_is_asked_for(project: Path) -> None:
    output, _ = init(found(*SETTINGS), "--from", "wish.md", answers="python other.py\n\ny\n")
    assert "Which file" not in output
    assert "[python solve.py --fast]  the model's suggestion" in output
    settings = front_matter(project / "goal.md")
    assert (settings["run"], settings["budget"]) == ("python other.py", "20s")


def test_flags_go_before_the_model(project: Path) -> None:
    init(found(*SETTINGS), "--from", "wish.md", "--yes", "--run", "make", "--budget", "7s")
    settings = front_matter(project / "goal.md")
    assert (settings["run"], settings["budget"]) == ("make", "7s")


def test_a_goal_in_your_words_is_read_by_it_too(project: Path) -> None:
    output, server = init(found(*SETTINGS), "--goal", WISH, "--yes")
    assert WISH.strip() in server.asked[0].last_turn
    assert front_matter(project / "goal.md")["budget"] == "20s"
    assert "openai:gpt-5 reads what you wrote" in output


def test_a_file_that_it_made_up_is_not_taken(project: Path) -> None:
    output, _ = init(found(("edit", "model.py", "the knob in solve.py")), "--from", "wish.md", "--yes")
    assert "there is no file model.py here" in output
    assert front_matter(project / "goal.md")["edit"] == "solve.py"


def test_without_it_the_rules_go_on(project: Path) -> None:
    output, _ = init(Fail("credit"), "--from", "wish.md", "--yes")
    assert "The settings are read without the model: openai:gpt-5 could not be asked: there is no credit left" in output
    assert front_matter(project / "goal.md")["edit"] == "solve.py"


def test_without_a_key_too(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    code, output = overnight_init("--from", "wish.md", "--yes", "--agent", "openai:gpt-5")
    assert code == 0
    assert "OPENAI_API_KEY is not set" in output
    assert front_matter(project / "goal.md")["edit"] == "solve.py"


def test_rules_fill_in_what_it_leaves_out(project: Path) -> None:
    (project / "wish.md").write_text(f"{WISH}Each run gets 40 seconds. Stop after 12 experiments.\n")
    init(found(("run", "python solve.py -q", "")), "--from", "wish.md", "--yes")
    settings = front_matter(project / "goal.md")
    assert (settings["budget"], settings["run"], settings["stop"]) == ("40s", "python solve.py -q", {"experiments": 12})
