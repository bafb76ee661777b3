"""What a run prints: all of it read, a bounded part of it kept, its last metric never missed."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from overnight.runs.metrics import numbers_in
from overnight.runs.redact import redact

_FILE_HEAD = 8 * 2**20
_FILE_TAIL = 1 * 2**20
_PARSED = 2**19
_TAIL_CHARACTERS = 4000
_FOR_THE_OWNER = 0o600

SCORER_SAYS = "--- scorer ---"
"""Stands between the last lines of a run and those of its scorer."""


def of_the_run(tail: str) -> str:
    """What a run printed, without what its scorer did, which may tell of what is hidden."""
    return tail.partition(SCORER_SAYS)[0].rstrip("\n")


def of_the_scorer(tail: str) -> str:
    """All that was printed, where one frozen command sees what is hidden and nothing that was printed is a run's."""
    return f"{SCORER_SAYS}\n{tail}"


class Output:
    """Collects a run's standard output and error into one file, and its standard output's numbers.

    However much is printed, memory stays below about 10 MiB and the file below about 9 MiB.
    """

    def __init__(self, path: Path, *metrics: str) -> None:
        """`metrics` are the names of numbers that must not be missed, however much is printed after them."""
        self._path = path
        self._metrics = metrics
        self._file: BinaryIO | None = None
        self._written = 0
        self._left_out = 0
        self._tail = bytearray()
        self._parsed = bytearray()
        self._early: dict[str, float] = {}

    def __enter__(self) -> Output:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.is_symlink():
            self._path.unlink()  # A guest without a sandbox may have put it there.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _FOR_THE_OWNER)
        self._file = open(descriptor, "wb", buffering=0)  # noqa: PTH123 - closed on exit
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            try:
                if self._written >= _FILE_HEAD and kind is None:
                    if self._left_out:
                        self._file.write(f"\n… {self._left_out} bytes left out …\n".encode())
                    self._file.write(self._tail)
            finally:
                self._file.close()
                self._redact_file()

    def feed(self, chunk: bytes, *, is_standard_output: bool) -> None:
        """Take what was just read from the run. Raises OSError when the disk is full."""
        self._keep(chunk)
        if is_standard_output:
            self._parsed += chunk
            if len(self._parsed) > 2 * _PARSED:
                self._forget_parsed()

    def numbers(self) -> dict[str, float]:
        """Every `name: number` on standard output, the last of each name."""
        text = self._parsed.decode("utf-8", errors="replace")
        return {**self._early, **numbers_in(text, *self._metrics)}

    @property
    def printed_bytes(self) -> int:
        """All that was printed, kept or not."""
        return self._written + len(self._tail) + self._left_out

    def standard_output(self) -> str:
        """What came on standard output; the last of it, where that is much."""
        return redact(self._parsed.decode("utf-8", errors="replace"))

    def tail(self) -> str:
        """The last lines of everything printed."""
        recent = bytes(self._tail) if self._written >= _FILE_HEAD else _end_of(self._path)
        text = recent.decode("utf-8", errors="replace")
        return redact(text)[-_TAIL_CHARACTERS:].strip("\n")

    def last_words(self) -> str:
        """The last line, as what ends a sentence on how a command failed; empty where nothing was printed."""
        last = self.tail().splitlines()[-1:]
        return f": {last[0].strip()[:200]}" if last else ""

    def _redact_file(self) -> None:
        """Only now is all of it there: a key may have come in two pieces."""
        if not self._path.is_file():
            return
        text = self._path.read_bytes().decode("utf-8", errors="surrogateescape")
        clean = redact(text)
        if clean != text:
            self._path.write_bytes(clean.encode("utf-8", errors="surrogateescape"))

    def _keep(self, chunk: bytes) -> None:
        assert self._file is not None
        if self._written < _FILE_HEAD:
            self._file.write(chunk)
            self._written += len(chunk)
            return
        self._tail += chunk
        if len(self._tail) > 2 * _FILE_TAIL:
            self._left_out += len(self._tail) - _FILE_TAIL
            del self._tail[:-_FILE_TAIL]

    def _forget_parsed(self) -> None:
        """Drop the older half, at a line's end; look in it for the numbers that must not be missed."""
        cut = self._parsed.find(b"\n", len(self._parsed) - _PARSED) + 1 or len(self._parsed) - _PARSED
        for name in self._metrics:
            if name.encode() in self._parsed[:cut]:
                lines = [line for line in self._parsed[:cut].split(b"\n") if name.encode() in line]
                found = numbers_in(b"\n".join(lines).decode("utf-8", errors="replace"), name)
                if name in found:
                    self._early[name] = found[name]
        del self._parsed[:cut]


def _end_of(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4 * _TAIL_CHARACTERS))
        return file.read()
