"""The text, and the clock: the two things that every experiment must share, so this file is frozen.

The text is the Python standard library's own source and docstrings: real prose and real code that every
machine with Python already has. It is read straight from where Python is installed: nothing is downloaded,
nothing is cached, and a clean checkout runs.

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
PACKAGES = (
    "asyncio", "collections", "concurrent", "email", "html", "http", "importlib", "json", "logging",
    "multiprocessing", "re", "tomllib", "unittest", "urllib", "wsgiref", "xml", "xmlrpc", "zoneinfo",
)  # fmt: skip
PATTERNS = ("*.py", *(f"{package}/**/*.py" for package in PACKAGES))
SKIPPED_FOLDERS = {"test", "tests", "site-packages", "dist-packages"}
LARGEST_FILE = 100_000
"""Bytes. Longer files are mostly tables, and one of them would be most of a split."""

SPLITS = ("train", "validation", "held_out")
VOCABULARY = "\n" + "".join(chr(code) for code in range(32, 127))
"""Symbol number k is VOCABULARY[k]; one more symbol, OTHER, stands for every byte that is not in it."""
OTHER = len(VOCABULARY)
SYMBOLS = len(VOCABULARY) + 1

# What is not found, -1, becomes OTHER. A letter beyond ASCII is several bytes, so several OTHERs.
_TO_SYMBOL = bytes(VOCABULARY.find(chr(byte)) % SYMBOLS for byte in range(256))


def split_of(name: str) -> str:
    """The split a file belongs to. Its name alone decides, so that adding a file never moves another."""
    tenth = hashlib.sha256(name.encode()).digest()[0] % 10
    return SPLITS[{0: 1, 1: 2}.get(tenth, 0)]


def text_files(split: str) -> list[Path]:
    """The files of one split, in an order that is the same on every machine."""
    if split not in SPLITS:
        raise SystemExit(f"there is no split called {split!r}; choose one of {', '.join(SPLITS)}")
    names = {file.relative_to(FOLDER).as_posix() for pattern in PATTERNS for file in FOLDER.glob(pattern)}
    return [FOLDER / name for name in sorted(names) if split_of(name) == split and _is_text(FOLDER / name)]


def load(split: str) -> np.ndarray:
    """One split's text, as one array of symbol numbers (uint8), file after file."""
    texts = [file.read_bytes().replace(b"\r\n", b"\n") for file in text_files(split)]
    if not texts:
        raise SystemExit(f"no text for the {split} split in {FOLDER}; set FOLDER and PATTERNS in prepare.py")
    return np.frombuffer(b"\n".join(texts).translate(_TO_SYMBOL), dtype=np.uint8)


def fingerprint(text: np.ndarray) -> str:
    """The text's sha256. Scores compare only where it is the same: each Python version has its own text."""
    return hashlib.sha256(text.tobytes()).hexdigest()


def until_budget_ends() -> Iterator[float]:
    """Yields the part of the budget that is used up, until just enough is left to write the model.

    It counts seconds of processor time. With nothing else to do, they are the clock's seconds; on a busy
    machine a run takes longer but trains as much, so that a score does not depend on who else is working.
    It lives here, and not in train.py, so that training for longer is never mistaken for training better.
    """
    budget = float(os.environ.get("OVERNIGHT_BUDGET_SECONDS", "3"))
    usable = budget - min(0.1, 0.05 * budget)
    while (used := time.process_time()) < usable:
        yield used / usable


def _is_text(file: Path) -> bool:
    """Leaves out tests, generated files, and the `_py….py` twins of modules: no text is in two splits."""
    relative = file.relative_to(FOLDER)
    private = relative.name.startswith("_") and relative.name != "__init__.py"
    return not private and SKIPPED_FOLDERS.isdisjoint(relative.parts) and file.stat().st_size <= LARGEST_FILE


def main() -> None:
    for split in SPLITS:
        text = load(split)
        files = len(text_files(split))
        print(f"{split:10}  {files:3} files  {len(text):9,} characters  sha256 {fingerprint(text)}")


if __name__ == "__main__":
    main()
