"""The text, and the clock: the two things that every experiment must share, so this file is frozen.

The text is the Python standard library's own source and docstrings: real prose and real code that every machine
with Python already has. It is read straight from where Python is installed, so nothing is downloaded or cached.

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
    *("asyncio", "collections", "concurrent", "email", "html", "http", "importlib", "json", "logging"),
    *("multiprocessing", "re", "tomllib", "unittest", "urllib", "wsgiref", "xml", "xmlrpc", "zoneinfo"),
)
PATTERNS = ("*.py", *(f"{package}/**/*.py" for package in PACKAGES))
SKIPPED_FOLDERS = {"test", "tests", "site-packages", "dist-packages"}
LARGEST_FILE = 160_000
"""Bytes. Longer files are mostly tables, and one of them would be most of a split."""

SPLITS = ("train", "validation", "held_out")
VOCABULARY = "\n" + "".join(chr(code) for code in range(32, 127))
"""Symbol number k is VOCABULARY[k]; one more symbol, OTHER, stands for every byte that is not in it."""
OTHER = len(VOCABULARY)
SYMBOLS = len(VOCABULARY) + 1

_TO_SYMBOL = bytes(VOCABULARY.find(chr(byte)) % SYMBOLS for byte in range(256))  # -1, not found, becomes OTHER
_STARTED = time.monotonic() - time.process_time()
"""When this process began, near enough: what Python and NumPy took to start belongs to the run's budget too."""


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
    """The text's sha256. Scores can be compared only where it is the same: each Python version has its own text."""
    return hashlib.sha256(text.tobytes()).hexdigest()


def until_budget_ends() -> Iterator[float]:
    """Yields the part of the budget that is used up, until just enough is left to write the model.

    It lives here, and not in train.py, so that training for longer is never mistaken for training better.
    """
    budget = float(os.environ.get("OVERNIGHT_BUDGET_SECONDS", "3"))
    usable = budget - min(0.1, 0.05 * budget)
    while (elapsed := time.monotonic() - _STARTED) < usable:
        yield elapsed / usable


def _is_text(file: Path) -> bool:
    """Leaves out tests, generated files, and the `_py*.py` twins of other modules, which would leak across splits."""
    relative = file.relative_to(FOLDER)
    private = relative.name.startswith("_") and relative.name != "__init__.py"
    return not private and SKIPPED_FOLDERS.isdisjoint(relative.parts) and file.stat().st_size <= LARGEST_FILE


def main() -> None:
    for split in SPLITS:
        text = load(split)
        print(f"{split:10}  {len(text_files(split)):3} files  {len(text):9,} characters  sha256 {fingerprint(text)}")


if __name__ == "__main__":
    main()
