"""`measure:` of goal.md: prints how many people have seen each version, and how many of them signed up. Frozen."""

from __future__ import annotations

import os
from urllib.parse import quote

from control import ask


def main() -> None:
    counts = ask("measure.py", f"control/counts?trial={quote(os.environ['OVERNIGHT_TRIAL'])}")
    for side, count in counts.items():
        print(f"{side}.conversions: {count['signed_up']}/{count['seen']}")
        print(f"{side}.problems: {count['problems']}")


if __name__ == "__main__":
    main()
