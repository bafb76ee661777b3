"""Outputs are read in pieces, redacted, and only from the session's folder of outputs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from overnight.dashboard.outputs import PAGE, piece_before, tail_of

KEY = "sk-" + "abcdefgh12345678" * 2


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "1.log"


def test_the_tail_of_a_file_that_is_being_written(log: Path) -> None:
    log.write_text("step 1\nstep 2\nste")
    assert tail_of(log, log.parent) == "step 1\nstep 2"


def test_a_key_is_never_shown_not_even_half_of_it(log: Path) -> None:
    for length in range(len(KEY) + 1):
        log.write_text(f"before\nkey {KEY[:length]}")
        assert "sk-" not in tail_of(log, log.parent)
    log.write_text(f"before\nkey {KEY}\n")
    assert tail_of(log, log.parent) == "before\nkey [redacted]"


def test_what_the_environment_calls_a_secret_is_not_shown(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", "correct horse battery")
    log.write_text("it is correct horse battery\n")
    assert tail_of(log, log.parent) == "it is [redacted]"


def test_a_key_that_begins_before_the_tail_is_not_shown(log: Path) -> None:
    private = "-----BEGIN PRIVATE KEY-----\n" + "MIIEvQIBADANBgkq\n" * 300 + "-----END PRIVATE KEY-----\n"
    log.write_text("x\n" * 50_000 + private + "done\n")
    assert "MIIE" not in tail_of(log, log.parent)
    assert tail_of(log, log.parent).endswith("done")


def test_colours_and_progress_bars_are_read_as_a_terminal_shows_them(log: Path) -> None:
    log.write_bytes(b"\x1b[31mred\x1b[0m \x1b]0;title\x07x\r\n10 %\r50 %\r99 %\n\x00\x07bell\n")
    assert tail_of(log, log.parent) == "red x\n99 %\n��bell"


def test_a_large_output_is_read_backwards_without_a_gap(log: Path) -> None:
    lines = [f"line {number}" for number in range(40_000)]
    log.write_text("\n".join(lines) + "\n")
    pieces, end = [], None
    while end is None or end > 0:
        piece = piece_before(log, log.parent, end)
        assert piece is not None
        assert len(piece.text) <= 2 * PAGE
        pieces.append(piece.text)
        end = piece.start
    assert "".join(reversed(pieces)).splitlines() == lines


def test_a_key_across_two_pieces_is_in_neither(log: Path) -> None:
    log.write_text("a" * 20 + f"\n{KEY}\n" + "b" * (PAGE - 30))
    last = piece_before(log, log.parent, None)
    assert last is not None
    first = piece_before(log, log.parent, last.start + 10)
    assert first is not None
    assert KEY[10:] not in last.text + first.text


def test_only_plain_files_in_the_folder_are_read(log: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "other" / "secret"
    elsewhere.parent.mkdir()
    elsewhere.write_text("secret\n")
    log.symlink_to(elsewhere)
    assert tail_of(log, log.parent) == ""
    assert piece_before(log, log.parent, None) is None
    assert piece_before(elsewhere, log.parent, None) is None
    assert piece_before(log.parent / "other" / ".." / "other" / "secret", log.parent, None) is None
    pipe = tmp_path / "pipe.log"
    os.mkfifo(pipe)
    assert tail_of(pipe, log.parent) == ""
    assert tail_of(tmp_path / "gone.log", log.parent) == ""
