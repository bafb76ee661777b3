"""Folders removed, whatever guests have made of them."""

from __future__ import annotations

import os
from pathlib import Path

from overnight.folders import fresh_folder, remove


def test_closed_folders_and_links(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("1")
    top = tmp_path / "top"
    (top / "closed" / "inner").mkdir(parents=True)
    (top / "link").symlink_to(tmp_path)
    (top / "closed").chmod(0)
    remove(top)
    assert not top.exists()
    assert (tmp_path / "kept").exists()


def test_folders_nested_deeper_than_any_path_may_be_long(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    start = os.open(".", os.O_RDONLY)
    try:
        os.chdir(top)
        for _ in range(1500):
            Path("a" * 20).mkdir()
            Path("file").write_text("1")
            os.chdir("a" * 20)
    finally:
        os.fchdir(start)
        os.close(start)
    fresh_folder(top)
    assert not any(top.iterdir())
