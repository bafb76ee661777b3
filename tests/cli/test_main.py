"""The command line answers at once, because it loads only what a command needs."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
