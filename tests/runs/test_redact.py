"""What looks like a key is taken out; what does not stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from overnight.runs.output import Output
from overnight.runs.redact import REDACTED, brings_secret, redact

KEYS = (
    "sk-ant-" + "api03-AbCdEfGhIjKlMnOpQrStUv",
    "ghp_" + "AbCdEfGhIjKlMnOpQrStUvWxYz0123",
    "AKIA" + "ABCDEFGHIJKLMNOP",
    "hf_" + "AbCdEfGhIjKlMnOpQrStUvWx",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
)


@pytest.mark.parametrize("key", KEYS)
def test_keys_are_taken_out(key: str) -> None:
    assert redact(f"the key is {key}, so there") == f"the key is {REDACTED}, so there"


def test_what_has_a_secrets_name_is_taken_out() -> None:
    assert redact('api_key = "aB3dE6gH9jK2mN5pQ8"') == f'api_key = "{REDACTED}"'
    assert redact("password: hunter2hunter2hunter2 ok") == f"password: {REDACTED} ok"


@pytest.mark.parametrize(
    "text",
    ["tokens: 123456789", "loss: 1.5", "sk-learn", "key = lambda row: row[1]", "api_key = os.environ['API_KEY']",
     "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
)  # fmt: skip
def test_other_words_stay(text: str) -> None:
    assert redact(text) == text


def test_what_the_environment_keeps_secret_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", "correct horse battery")
    monkeypatch.setenv("MY_SERVICE_COLOR", "reddish brown")
    assert redact("correct horse battery, reddish brown") == f"{REDACTED}, reddish brown"


def test_a_key_in_two_pieces_does_not_stay_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.log"
    with Output(path) as output:
        for piece in (f"before {KEYS[0][:12]}", f"{KEYS[0][12:]} after\nloss: 1\n"):
            output.feed(piece.encode(), is_standard_output=True)
        assert output.numbers() == {"loss": 1}
    assert path.read_text() == f"before {REDACTED} after\nloss: 1\n"
    assert output.tail() == f"before {REDACTED} after\nloss: 1"
    assert path.stat().st_mode & 0o077 == 0


def test_only_a_new_key_is_brought() -> None:
    assert brings_secret("x = 1", f"x = '{KEYS[1]}'")
    assert not brings_secret(f"x = '{KEYS[1]}'", f"y = 2\nx = '{KEYS[1]}'")
