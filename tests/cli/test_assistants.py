"""`overnight init --agents`: what assistants are told, and where it is put."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from overnight.cli.main import app
from overnight.errors import OvernightError
from tests.checkout import Checkout

SKILL = ".claude/skills/overnight/SKILL.md"


def init_agents(folder: Path, *more: str) -> str:
    done = CliRunner().invoke(app, ["init", "--agents", str(folder), *more], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def refused(folder: Path, *more: str) -> str:
    with pytest.raises(OvernightError) as caught:
        init_agents(folder, *more)
    return str(caught.value)


def test_both_files_are_written_once_into_the_checkouts_root(checkout: Checkout) -> None:
    root = checkout.folder.resolve()
    said = init_agents(checkout.folder / "lib" / "deep")
    assert said.splitlines() == [f"Wrote {root / 'AGENTS.md'}", f"Wrote {root / SKILL}"]
    assert checkout.git("status", "--porcelain").split("\n")[:-1] == ["?? .claude/", "?? AGENTS.md"]
    before = [(root / name).read_bytes() for name in ("AGENTS.md", SKILL)]
    assert init_agents(checkout.folder).count("Nothing to do for ") == 2
    assert [(root / name).read_bytes() for name in ("AGENTS.md", SKILL)] == before
    assert f"`{SKILL}`" in before[0].decode()


def test_in_a_linked_worktree_it_is_the_worktrees_root(checkout: Checkout) -> None:
    checkout.git("worktree", "add", "-q", "--detach", "../linked")
    linked = checkout.folder.parent / "linked"
    init_agents(linked / "lib")
    assert (linked / SKILL).exists()
    assert not (checkout.folder / "AGENTS.md").exists()


def test_a_skill_has_the_front_matter_that_claude_wants(tmp_path: Path) -> None:
    init_agents(tmp_path)
    found = re.match(r"---\n(.*?)\n---\n", (tmp_path / SKILL).read_text(), re.DOTALL)
    assert found
    front = YAML(typ="safe", pure=True).load(found[1])
    assert front["name"] == "overnight"  # as its folder
    assert front.keys() == {"name", "description"}
    assert len(front["description"]) <= 1024


@pytest.mark.parametrize("line", ["\n", "\r\n"])
def test_only_the_part_between_the_marks_is_ours(tmp_path: Path, line: str) -> None:
    file = tmp_path / "AGENTS.md"
    file.write_bytes(line.join(["# Mine", "", "Tabs, please."]).encode())
    init_agents(tmp_path)
    written = file.read_bytes().decode()
    assert written.startswith(f"# Mine{line}{line}Tabs, please.{line}{line}<!-- overnight:begin ")
    assert written.endswith(f"<!-- overnight:end -->{line}")
    assert (line == "\n") is ("\r" not in written)
    stale = written.replace("## Overnight", "## An older text") + f"{line}# Mine, too  \n\r\n"
    file.write_bytes(stale.encode())
    assert f"Updated {tmp_path.resolve() / 'AGENTS.md'}" in init_agents(tmp_path)
    assert file.read_bytes().decode() == stale.replace("## An older text", "## Overnight")


def test_an_empty_file_and_a_link_are_written_to(tmp_path: Path) -> None:
    (tmp_path / "CLAUDE.md").write_text("")
    (tmp_path / "CLAUDE.md").chmod(0o640)
    (tmp_path / "AGENTS.md").symlink_to("CLAUDE.md")
    init_agents(tmp_path)
    assert (tmp_path / "AGENTS.md").is_symlink()
    assert (tmp_path / "CLAUDE.md").read_text().startswith("<!-- overnight:begin ")
    assert (tmp_path / "CLAUDE.md").stat().st_mode & 0o777 == 0o640


def test_a_skill_may_have_words_of_yours(tmp_path: Path) -> None:
    init_agents(tmp_path)
    mine = (tmp_path / SKILL).read_text().replace("description: ", "description: (ours) ") + "Ask Ada first.\n"
    (tmp_path / SKILL).write_text(mine.replace("## 1. What is to get better", "## 1."))
    init_agents(tmp_path)
    assert (tmp_path / SKILL).read_text() == mine


def _elsewhere(folder: Path) -> None:
    (folder.parent / "dotfiles").mkdir()
    (folder / "AGENTS.md").symlink_to(folder.parent / "dotfiles" / "AGENTS.md")


def _in_the_way(folder: Path) -> None:
    (folder / SKILL).parent.mkdir(parents=True)
    (folder / SKILL).write_text("---\nname: overnight\n---\nmine\n")


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda folder: (folder / "AGENTS.md").mkdir(), "AGENTS.md cannot be read: Is a directory"),
        (lambda folder: (folder / "AGENTS.md").write_bytes(b"\xff\xfe"), "not a UTF-8 text file, so nothing was"),
        (lambda folder: (folder / "AGENTS.md").write_text("<!-- overnight:begin -->\n"), "should have one line"),
        (lambda folder: (folder / "AGENTS.md").write_text("<!-- overnight:end -->\n" * 2), "should have one line"),
        (_elsewhere, "AGENTS.md leads out of "),
        (_in_the_way, "SKILL.md that Overnight did not write; move it away, and try again"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(tmp_path: Path, prepare: object, words: str) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    prepare(folder)  # type: ignore[operator]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert words in refused(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_place_that_takes_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".claude").write_text("")
    assert f"{SKILL} cannot be written in {(tmp_path / SKILL).parent.resolve()}" in refused(tmp_path)
    assert "there is no folder" in refused(tmp_path / "nowhere")
    assert "give it without the rest" in refused(tmp_path, "--goal", "be quick")
