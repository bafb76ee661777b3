"""`deploy:` of goal.md: writes down which letter or letters go out from now on. It sends nothing. Frozen."""

from __future__ import annotations

import os
from pathlib import Path

from letter import BrokenLetterError, read
from memory import Memory, Out
from settings import folder, read_mail, read_recipients


def main() -> None:
    candidate = os.environ.get("OVERNIGHT_CANDIDATE")
    read_mail()  # What is wrong there shall be said now, not after an approval.
    read_recipients()
    try:
        incumbent = read(Path(os.environ["OVERNIGHT_INCUMBENT"]))
        tried = read(Path(candidate)) if candidate else None
    except BrokenLetterError as error:
        raise SystemExit(f"deploy.py: {error}") from None
    memory = Memory(folder())
    memory.deploy(Out(os.environ["OVERNIGHT_TRIAL"], incumbent, tried))
    memory.close()
    print("both letters go out" if tried is not None else "no letters go out")


if __name__ == "__main__":
    main()
