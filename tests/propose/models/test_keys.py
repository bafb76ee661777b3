"""Whether a model can be asked, told without asking it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from overnight.errors import OvernightError
from overnight.propose.models.keys import PROVIDERS, check_model, is_model


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in PROVIDERS.values():
        for name in (*provider.keys, *filter(None, [provider.address])):
            monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "who", ["openai:gpt-5", "ollama:llama3:8b", "openrouter:openai/gpt-5", "google:gemini-2.5-pro"]
)
def test_models_by_name(who: str) -> None:
    assert is_model(who)


@pytest.mark.parametrize("who", ["openai", "openai:", "claude", "python openai:x", "sh agent.sh", "mine:gpt", ""])
def test_anything_else_is_none(who: str) -> None:
    assert not is_model(who)


@pytest.mark.parametrize(
    ("who", "key"),
    [
        ("openai:gpt-5", "OPENAI_API_KEY"),
        ("anthropic:claude-sonnet-4-5", "ANTHROPIC_API_KEY"),
        ("google:gemini-2.5-pro", "GOOGLE_API_KEY"),
        ("openrouter:openai/gpt-5", "OPENROUTER_API_KEY"),
    ],
)
def test_a_missing_key_is_named(who: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OvernightError, match=f"needs a key, and {key} is not set"):
        check_model(who, None)
    check_model(who, "http://localhost:8000/v1")
    monkeypatch.setenv(key, "x" * 20)
    check_model(who, None)


def test_a_local_one_needs_none() -> None:
    check_model("ollama:llama3", None)


@pytest.mark.parametrize(
    ("who", "base_url", "words"),
    [
        ("openrouter:gpt-5", None, "write openrouter:VENDOR/MODEL"),
        ("openai:gpt-5", "localhost:8000", "begins with http:// or https://"),
    ],
)
def test_other_mistakes(who: str, base_url: str | None, words: str) -> None:
    with pytest.raises(OvernightError, match=words):
        check_model(who, base_url)


@pytest.mark.parametrize("missing", ["pydantic_ai", "anthropic"])
def test_without_the_libraries_it_says_what_to_install(missing: str) -> None:
    look = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from overnight.errors import OvernightError\n"
        "from overnight.propose.model import check_model\n"
        "try: check_model('anthropic:claude-sonnet-4-5', None)\n"
        "except OvernightError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)
    assert "install them: pip install 'overnight[models]'" in done.stdout
