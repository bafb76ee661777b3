"""`deploy:` of goal.md: tells the server which version or versions people are to meet from now on. Frozen."""

from __future__ import annotations

import os
from pathlib import Path

from control import ask
from page import BrokenPageError, read


def main() -> None:
    candidate = os.environ.get("OVERNIGHT_CANDIDATE")
    try:
        incumbent = read(Path(os.environ["OVERNIGHT_INCUMBENT"]))
        tried = read(Path(candidate)) if candidate else None
    except BrokenPageError as error:
        raise SystemExit(f"deploy.py: {error}") from None
    answer = ask(
        "deploy.py",
        "control/deploy",
        {"trial": os.environ["OVERNIGHT_TRIAL"], "incumbent": incumbent, "candidate": tried},
    )
    print(f"people meet {answer['out']}")


if __name__ == "__main__":
    main()
