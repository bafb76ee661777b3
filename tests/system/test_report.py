"""`overnight report` on a real session: where the files are, and that the diffs are git's."""

from __future__ import annotations

from pathlib import Path

from tests.system.conftest import Project


def test_the_page_comes_first_and_has_the_diffs_of_what_was_kept(project: Project) -> None:
    said = project.ok("run", "--plain", "--experiments", "3")
    files = [Path(line) for line in project.ok("report").splitlines()]
    assert [file.name for file in files] == ["report.html", "report.md", "report.png"]
    assert all(file.is_file() for file in files)
    assert f"Report: {files[0]}" in said
    page, markdown = files[0].read_text(), files[1].read_text()
    assert "Overnight ran 3 experiments in " in page
    assert "kept 3; loss 27 → 18" in page
    assert '<span class="del">-KNOB = <span class="m">10</span></span>' in page
    assert "-KNOB = 13\n+KNOB = 16\n" in markdown


def test_what_git_has_lost_is_said_and_the_rest_is_there(project: Project) -> None:
    project.ok("run", "--plain", "--experiments", "1")
    (project.folder / ".git").rename(project.folder.parent / "elsewhere")
    page = Path(project.ok("report").splitlines()[0]).read_text()
    assert "set the knob to 13" in page
    assert "Git has no diff of it any more." in page
