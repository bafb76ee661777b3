"""Overnight from Python. The examples are those of docs/library.md, run as they stand there."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import psutil
import pytest

import overnight
from overnight import AlreadyFinished, Session
from overnight.loop.state import State
from tests.system.conftest import Project, bare, project

__all__ = ["bare", "project"]  # Fixtures.

PAGE = Path(__file__).parent.parent / "docs" / "library.md"
_FENCE = re.compile(r'^```(?P<language>\w+)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code on the page."""

    language: str
    title: str
    text: str


def blocks(heading: str) -> list[Block]:
    """Those under a heading."""
    section = re.split(r"^#+ ", PAGE.read_text(), flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(f"{heading}\n"))
    return [Block(found["language"], found["title"] or "", found["text"]) for found in _FENCE.finditer(text)]


Install = Callable[[dict[str, str]], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a package of these files, its pyproject.toml among them: what pip leaves of it."""
    site, modules = tmp_path / "site", []

    def do(files: dict[str, str]) -> None:
        info = site / "parts-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: parts\nVersion: 1.0\n")
        groups = tomllib.loads(files["pyproject.toml"])["project"]["entry-points"]
        lines = [f"[{group}]\n{name} = {place}\n" for group, named in groups.items() for name, place in named.items()]
        (info / "entry_points.txt").write_text("".join(lines))
        for name, text in files.items():
            (site / name).write_text(text)
            modules.append(name.removesuffix(".py"))
        monkeypatch.syspath_prepend(site)
        monkeypatch.setenv("PYTHONPATH", str(site), prepend=os.pathsep)  # For the command line.

    yield do
    for name in modules:
        sys.modules.pop(name, None)


@pytest.fixture
def here(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The user works in the project's folder."""
    monkeypatch.chdir(project.folder)
    return project


def follow(heading: str, install: Install, project: Project) -> None:
    """Do what the page says under a heading: install the package, and set the goal."""
    shown = {block.title: block.text for block in blocks(heading)}
    key, value = shown.pop("goal.md").strip().split(": ")
    install(shown)
    project.set(**{key: value})
    project.commit()


def is_at_rest(project: Project) -> bool:
    """Whether nobody is at work, and nothing is left of what was."""
    copies = project.folder / ".overnight" / "work"
    return State.of(project.folder).holder() is None and not copies.exists() and not psutil.Process().children()


def test_every_name_is_there_and_found_by_completion() -> None:
    assert dir(overnight) == sorted(overnight.__all__)
    assert all(getattr(overnight, name) is not None for name in overnight.__all__)
    events = {kind.__name__ for kind in get_args(overnight.SessionEvent)}
    assert events < set(overnight.__all__)
    assert events == set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.+?) \|", PAGE.read_text(), re.MULTILINE))))


def test_a_night_event_by_event(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("One night, event by event")
    exec(example.text, {})
    *lines, last = capsys.readouterr().out.splitlines()
    log = here.log()
    assert lines == [f"{row['number']} {row['verdict']} {row['metric']} {row['hypothesis']}" for row in log]
    assert [row["verdict"] for row in log] == ["baseline", *["keep"] * 3]
    assert last.startswith("Overnight ran 3 experiments in ")
    assert here.status()["state"] == "finished"
    assert is_at_rest(here)
    here.ok("run", "--experiments", "4")
    assert [row["number"] for row in here.log()] == [0, 1, 2, 3, 4], "the command line goes on with it"


def test_callbacks_and_results(here: Project, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = blocks("Callbacks, and the results as a table")
    names: dict[str, Any] = {}
    exec(example.text, names)
    said = capsys.readouterr().out.splitlines()
    assert sum(line.endswith(" s") for line in said) == 6
    assert [line for line in said if line.startswith("better by")] == ["better by 3"] * 3
    assert said[-1] == "3.0"
    assert names["rows"] == here.log()
    session: Session = names["session"]
    assert session.summary().as_json().items() <= here.status().items()
    assert "kept 3" in session.summary()._repr_html_()
    assert session.work() == session.summary(), "there is nothing left to do"
    with pytest.raises(AlreadyFinished):
        list(session.run())
