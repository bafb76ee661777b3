"""Everything in README.md and docs/ that can be typed or copied does what it says. `cases.py` says how."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from overnight.goal.document import Goal
from overnight.goal.settings import Settings
from overnight.loop.notify import check_notify
from tests.docs.blocks import PAGES, ROOT, SKILL, WALKED_THROUGH, Block, all_blocks, commands_of, inline_of
from tests.docs.cases import BLOCKS, COMMANDS, NOT_HERE
from tests.docs.commands import check, is_command, is_short
from tests.docs.places import Places

ALL = all_blocks()
NEEDED = {"edit": "train.py", "run": "python train.py", "metric": "loss"}
"""What a part of a goal.md leaves out: one without `edit`."""
GOES_WITH: dict[str, dict[str, str | None]] = {
    "score_network": {"score": "python score.py"},
    "score_env": {"score": "python score.py"},
    "compare": {"run": None},
    "resources": {"fleet": "ray"},
    "setup": {"fleet": "ray"},
    "slurm": {"fleet": "slurm"},
}
"""What a setting is nothing without."""


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Folders to run commands in."""
    return Places(tmp_path_factory.mktemp("places"), pytest.MonkeyPatch())


@pytest.mark.parametrize("block", ALL, ids=str)
def test_a_block_does_what_it_says(block: Block, places: Places, tmp_path: Path) -> None:
    if (case := BLOCKS.get(block.key)) is not None:
        case(block, places)
        return
    match block.kind:
        case "goal":
            read_as_a_goal(block.text, tmp_path)
        case "settings":
            for part in alternatives(block.text):
                read_as_a_goal(f"---\n{part}\n---\nBetter.\n", tmp_path)
        case "json":
            json.loads(block.text)
        case "toml":
            tomllib.loads(block.text)
        case "python":
            run_python(block, places)
        case "commands":
            for command in commands_of(block.text):
                run(block.page, command, places)
        case _:
            pytest.fail(f"nothing tries the block at {block}: add a case for it to tests/docs/cases.py")


def run(page: str, command: str, places: Places) -> None:
    """One command line, for real unless it cannot be."""
    if command in NOT_HERE:
        check(command)
        return
    case = COMMANDS.get((page, command)) or COMMANDS.get((None, command))
    if case is not None:
        case(command, places)
        return
    program, *arguments = shlex.split(command)
    assert program == "overnight", f"{page}: nothing runs `{command}`: add it to tests/docs/cases.py"
    places.once(places.finished(), *arguments)


def run_python(block: Block, places: Places) -> None:
    """In the folder of a project that nothing was run in."""
    with places.monkeypatch.context() as here, contextlib.redirect_stdout(io.StringIO()):
        here.chdir(places.fresh("python").folder)
        exec(compile(block.text, str(block), "exec"), {"__name__": "__main__"})


def read_as_a_goal(text: str, folder: Path) -> None:
    """As goal.md, in a folder that has the files it names."""
    front = YAML(typ="safe", pure=True).load(re.split(r"^---\s*$", text, flags=re.MULTILINE)[1])
    missing = {key: value for key, value in NEEDED.items() if key not in front} if "edit" not in front else {}
    lines = "".join(f"{key}: {value}\n" for key, value in missing.items())
    for key in ("edit", "read", "hidden"):
        named = {**front, **missing}.get(key, [])
        for name in [named] if isinstance(named, str) else named:
            (folder / name).touch()
    (folder / "goal.md").write_text(re.sub(r"\A---\s*\n", f"---\n{lines}", text))
    goal = Goal.read(folder / "goal.md")
    assert goal.settings != Settings.model_validate(NEEDED)
    if goal.settings.notify:
        with pytest.MonkeyPatch.context() as here:
            here.setenv("MAIL_PASSWORD", "secret")
            check_notify(goal.settings, goal)


def alternatives(text: str) -> list[str]:
    """Settings that are shown below each other although only one of them can be."""
    lines = text.splitlines()
    keys = [line.partition(":")[0] for line in lines]
    return ["\n".join(lines)] if len(set(keys)) == len(keys) else lines


def test_no_case_is_left_over() -> None:
    commands = {command for block in ALL if block.kind == "commands" for command in commands_of(block.text)}
    assert set(BLOCKS) <= {block.key for block in ALL}
    assert {command for _, command in COMMANDS} | set(NOT_HERE) <= commands
    assert not {command for _, command in COMMANDS} & set(NOT_HERE)
    assert {page for page, _ in COMMANDS if page} <= {block.page for block in ALL}
    for page, test in WALKED_THROUGH.items():
        assert not (ROOT / page).exists() or Path(page).name in (ROOT / test).read_text(), f"{test} is about {page}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_in_sentences_can_be_typed(page: Path) -> None:
    wrong = []
    for place, text in inline_of(page):
        if is_command(text) or is_short(text):
            try:
                check(text if is_command(text) else f"overnight {text}")
            except AssertionError as error:
                wrong.append(f"{place}: `{text}`: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_settings_in_sentences_can_be_written(page: Path) -> None:
    wrong = []
    for place, text in inline_of(page):
        key, _, value = text.partition(": ")
        if key in Settings.model_fields and value.strip():
            setting = YAML(typ="safe", pure=True).load(re.sub(r"…|\bN\b", "1", text.replace(", …", "")))
            try:
                Settings.model_validate({**NEEDED, **GOES_WITH.get(key, {}), **setting})
            except ValidationError as error:
                wrong.append(f"{place}: `{text}`: {error}")
    assert not wrong, "\n".join(wrong)


def test_what_is_wrong_is_found(places: Places) -> None:
    with pytest.raises(AssertionError, match="nothing runs `rm x`: add it to"):
        run("README.md", "rm x", places)
    assert Block("README.md", 1, "", "no words of ours\n").kind == "other"
    for command in (
        *("overnight rum", "overnight run --hour 2", "overnight show", "overnight export --format xml"),
        *("python benchmarks/none.py", "python benchmarks/soak.py --nope", "python -m tests.system.torture --nope"),
        *("pip install 'overnight[nope]'", "git fetsch"),
    ):
        with pytest.raises(AssertionError):
            check(command)
    assert list(commands_of("a  # b\n# c\nd '# e' && f [--g]\nh \\\n  i\n")) == ["a", "d '# e'", "f", "f --g", "h    i"]
    assert SKILL in PAGES
