"""The command line answers at once, because it loads only what a command needs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from overnight.loop.state import State
from tests.checkout import Checkout
from tests.night import Night

HEAVY = ("scipy", "numpy", "sqlalchemy", "pygit2", "libcst", "matplotlib", "psutil")
ASKS_MODELS = ("pydantic_ai", "openai", "anthropic", "google.genai", "genai_prices", "httpx2")


def _loaded_by(module: str, among: tuple[str, ...]) -> str:
    look = f"import {module}, sys; print([name for name in {among} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout.strip()


def test_status_loads_nothing_heavy() -> None:
    assert _loaded_by("overnight.cli.main", HEAVY + ASKS_MODELS) == "[]"


@pytest.mark.parametrize("module", ["overnight.loop.proposers", "overnight.cli.init"])
def test_what_asks_models_is_loaded_only_when_one_is_asked(module: str) -> None:
    assert _loaded_by(module, ASKS_MODELS) == "[]"


def test_a_terminal_that_lacks_a_sign_gets_a_question_mark(checkout: Checkout) -> None:
    state = State.of(checkout.folder)
    state.create()
    night = Night.begin(state.folder / "ledger.db")
    night.baseline(2.0)
    night.keep(1, 1.0, "größer → besser")
    night.ledger.close()
    done = subprocess.run(
        [sys.executable, "-m", "overnight.cli.main", "log", str(checkout.folder)],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"}, capture_output=True, check=True,
    )  # fmt: skip
    assert "größer ? besser".encode("latin-1") in done.stdout
