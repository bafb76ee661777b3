"""The frozen world: what is hashed, and what is noticed."""

from __future__ import annotations

import sys
from pathlib import Path

from overnight.goal.settings import Settings
from overnight.runs.world import World, differences


def world_of(project: Path, **settings: object) -> World:
    given = {"edit": "a.py", "run": f"{sys.executable} a.py", "metric": "loss", **settings}
    return World(Settings.model_validate(given), project)


def test_programs_packages_and_data_have_names(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows").write_text("1")
    parts = world_of(tmp_path, read="data", hidden="data/rows").look()
    assert f"the program {sys.executable}" in parts
    assert any(name.startswith("the packages in ") for name in parts)
    assert {"the data data", "the data data/rows"} <= parts.keys()


def test_a_change_is_noticed_and_a_touch_is_none(tmp_path: Path) -> None:
    rows = tmp_path / "rows"
    rows.write_text("12")
    world = world_of(tmp_path, read="rows")
    before = world.look()
    rows.touch()
    assert differences(before, world.look()) == []
    rows.write_text("13")
    assert differences(before, world.look()) == ["the data rows"]
    rows.unlink()
    assert differences(before, world_of(tmp_path, read="rows").look()) == ["the data rows"]


def test_bytecode_is_no_data(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    world = world_of(tmp_path, read="data")
    before = world.look()
    (tmp_path / "data" / "__pycache__").mkdir()
    (tmp_path / "data" / "__pycache__" / "x.pyc").write_text("1")
    assert differences(before, world.look()) == []


def test_what_git_tracks_is_none_of_it(tmp_path: Path) -> None:
    script = tmp_path / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    settings = Settings.model_validate({"edit": "a.py", "run": "./run.sh", "metric": "loss"})
    assert World(settings, tmp_path, ["run.sh"]).look() == {}
    assert list(World(settings, tmp_path).look()) == [f"the program {script}"]
