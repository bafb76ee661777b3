"""The command line answers at once, because it loads only what a command needs."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("scipy", "numpy", "sqlalchemy", "pygit2", "libcst", "matplotlib", "psutil")


def test_status_loads_nothing_heavy() -> None:
    look = f"import overnight.cli.main, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
