"""Settings that a model reads out of plain English, and which of them are believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from overnight.goal.english import Found
from overnight.propose.models.failures import UNREADABLE
from overnight.propose.models.goal import TOOL, read_with_model
from tests.propose.models.playing import Answer, Played, calls, says

DOCUMENT = (
    "# Wish\n\nPlease turn the knob in `solve.py`, until the\nloss it prints is small. Ten seconds a run will do.\n"
)


def settings(*found: tuple[str, str, str]) -> Answer:
    named = [dict(zip(("key", "value", "quote"), each, strict=True)) for each in found]
    return calls(TOOL, {"settings": named})


def read(folder: Path, *answers: Answer) -> tuple[dict[str, Found] | str, Played]:
    played = Played(answers)
    return read_with_model(played.asker(), DOCUMENT, folder), played


def test_a_quote_is_found_in_the_document_across_its_lines(tmp_path: Path) -> None:
    found, _ = read(tmp_path, settings(("metric", "loss", "until the loss it prints is small")))
    assert found == {"metric": Found("metric", "loss", "until the loss it prints is small", 3)}


@pytest.mark.parametrize("quote", ["", "make the loss smaller", "it", "Turn the Knob"])
def test_what_the_document_does_not_say_is_only_a_suggestion(tmp_path: Path, quote: str) -> None:
    found, _ = read(tmp_path, settings(("metric", "loss", quote)))
    assert isinstance(found, dict)
    assert not found["metric"].is_quoted
    assert found["metric"].value == "loss"


def test_what_is_not_literally_there_says_so(tmp_path: Path) -> None:
    found, _ = read(tmp_path, settings(("budget", "10s", "Ten seconds a run will do")))
    assert isinstance(found, dict)
    assert (found["budget"].value, found["budget"].note) == (10.0, "as the model reads it")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("metric", "two words"),
        ("direction", "down"),
        ("budget", "soon"),
        ("stop.experiments", "2.5"),
        ("stop.hours", "inf"),
        ("stop.hours", "-1"),
        ("run", ""),
    ],
)
def test_what_a_user_could_not_write_is_left_out(tmp_path: Path, key: str, value: str) -> None:
    found, _ = read(tmp_path, settings((key, value, "Please turn the knob"), ("stop.cost", "5", "")))
    assert isinstance(found, dict)
    assert set(found) == {"stop.cost"}


def test_it_is_told_the_project(tmp_path: Path) -> None:
    (tmp_path / "solve.py").write_text("KNOB = 10\n" + "x = 1\n" * 10_000)
    (tmp_path / ".env").write_text("SECRET = 1")
    _, played = read(tmp_path, settings())
    told = played.told(0)
    assert "KNOB = 10" in told
    assert len(told) < 6_000
    assert ".env" not in told


def test_json_in_words_will_do(tmp_path: Path) -> None:
    text = (
        'Here:\n```json\n{"settings": [{"key": "edit", "value": "solve.py", "quote": "the knob in `solve.py`"}]}\n```'
    )
    found, _ = read(tmp_path, says(text))
    assert isinstance(found, dict)
    assert found["edit"].line == 3


def test_an_answer_that_cannot_be_used_is_said_in_words(tmp_path: Path) -> None:
    assert read(tmp_path, says("Nice."), says("Nice."))[0] == UNREADABLE
    assert read(tmp_path, RuntimeError("down"))[0] == "openai:played could not be asked: down"
