"""inotify tells which files were touched, or says that it cannot."""

from __future__ import annotations

import sys
from pathlib import Path

from overnight.repo.watch import Watch


def test_touched_files_by_name_or_an_honest_dont_know(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    watch = Watch.of(tmp_path, [".", "lib"])
    if watch is None:
        assert sys.platform != "linux"  # there every file is looked at instead
        return
    assert watch.touched() == set()
    (tmp_path / "a.py").write_text("x")
    (tmp_path / "lib" / "b.py").write_text("x")
    assert watch.touched() == {"a.py", "lib/b.py"}
    (tmp_path / "lib" / "b.py").rename(tmp_path / "c.py")
    assert watch.touched() == {"lib/b.py", "c.py"}
    (tmp_path / "fresh").mkdir()
    assert watch.touched() is None  # nobody watches the inside of a new folder
    watch.close()


def test_a_folder_that_is_gone_cannot_be_watched(tmp_path: Path) -> None:
    assert Watch.of(tmp_path, [".", "missing"]) is None
