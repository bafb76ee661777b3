"""The text, and the clock: the two things that every experiment must share, so this file is frozen.

The text is the source of Python's own standard library: real prose and real code that every machine with Python
already has. It is read where Python is installed; nothing is downloaded and nothing is cached. A token is a byte.

    python prepare.py        prints the size and the sha256 of each split
"""

from __future__ import annotations

import hashlib
import os
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

FOLDER = Path(sysconfig.get_path("stdlib"))
SUFFIX = ".py"
SKIPPED_FOLDERS = {"test", "tests", "idle_test", "site-packages", "dist-packages", "lib2to3", "turtledemo"}
LARGEST_FILE = 100_000
"""Bytes. Longer files are mostly tables, and one of them would be most of a split."""

SPLITS = ("train", "validation", "held_out")
BYTES = 256
"""How many tokens there are."""

_STARTED = time.monotonic()


def split_of(name: str) -> str:
    """The split a file belongs to. Its name alone decides, so that adding a file never moves another."""
    tenth = hashlib.sha256(name.encode()).digest()[0] % 10
    return SPLITS[{0: 1, 1: 2}.get(tenth, 0)]


def text_files(split: str) -> list[Path]:
    """The files of one split, in an order that is the same on every machine."""
    if split not in SPLITS:
        raise SystemExit(f"there is no split called {split!r}; choose one of {', '.join(SPLITS)}")
    files = [file for file in _all_files() if split_of(file.relative_to(FOLDER).as_posix()) == split]
    return sorted(files, key=lambda file: file.relative_to(FOLDER).as_posix())


def load(split: str) -> np.ndarray:
    """One split's text as one array of bytes (uint8), file after file."""
    texts = [file.read_bytes().replace(b"\r\n", b"\n") for file in text_files(split)]
    if not texts:
        raise SystemExit(f"no text for the {split} split in {FOLDER}; set FOLDER and SUFFIX in prepare.py")
    return np.frombuffer(bytearray(b"\n".join(texts)), dtype=np.uint8)


def fingerprint(text: np.ndarray) -> str:
    """The text's sha256. Scores compare only where it is the same: each Python version has its own text."""
    return hashlib.sha256(text.tobytes()).hexdigest()


def until_budget_ends(on_gpu: bool = False) -> Iterator[float]:
    """Yields the part of the budget that is used up, until just enough is left to write the model.

    On a CPU it counts seconds of processor time, from the start of Python: with nothing else to do, they are the
    clock's seconds; on a busy machine a run takes longer but trains as much, so that a score does not depend on who
    else is working. On a GPU most of the work is not the processor's, and it counts the clock's seconds.
    It lives here, and not in train.py, so that training for longer is never mistaken for training better.
    """
    budget = float(os.environ.get("OVERNIGHT_BUDGET_SECONDS", "20"))
    usable = budget - min(2.0 if on_gpu else 0.5, 0.1 * budget)
    while (used := time.monotonic() - _STARTED if on_gpu else time.process_time()) < usable:
        yield used / usable


def _all_files() -> Iterator[Path]:
    """All text. Tests, generated files and the `_py….py` twins of modules are left out: nothing is in two splits."""
    for folder, subfolders, names in os.walk(FOLDER):
        subfolders[:] = [name for name in subfolders if name not in SKIPPED_FOLDERS]
        for file in (Path(folder, name) for name in names if name.endswith(SUFFIX)):
            is_private = file.name.startswith("_") and file.name != "__init__.py"
            if not is_private and 0 < file.stat().st_size <= LARGEST_FILE:
                yield file


def main() -> None:
    for split in SPLITS:
        text = load(split)
        files = len(text_files(split))
        print(f"{split:10}  {files:3} files  {len(text):9,} bytes  sha256 {fingerprint(text)}")


if __name__ == "__main__":
    main()
