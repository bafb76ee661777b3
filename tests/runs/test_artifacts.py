"""What a run may leave for the scorer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from overnight.runs.artifacts import misleading


def test_files_folders_and_links_among_them_are_fine(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "answer").write_text("1")
    (tmp_path / "latest").symlink_to("deep/er/answer")
    assert misleading(tmp_path) is None


@pytest.mark.parametrize("target", ["/etc/hostname", "../labels", "deep/../../labels"])
def test_a_link_that_leads_out_is_named(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "artifacts"
    (folder / "deep").mkdir(parents=True)
    (folder / "answer").symlink_to(target)
    assert misleading(folder) == "its artifact answer is a link that leads out of the artifacts"


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "answer")
    assert misleading(tmp_path) == "its artifact answer is no file"
