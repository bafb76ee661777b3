"""Whether a command line could be typed as it stands: the command is there, and it has these flags."""

from __future__ import annotations

import contextlib
import io
import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from functools import cache

from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from overnight.cli.main import app
from tests.docs.blocks import ROOT

PLACEHOLDERS = {"N": "1", "NUMBER": "1"}
"""Words that stand for a number."""


def check(command: str) -> None:
    """Raises AssertionError with what is wrong about a command line."""
    words = [PLACEHOLDERS.get(word, word) for word in _words(command)]
    match words:
        case ["overnight", *arguments]:
            check_overnight(arguments)
        case ["python", "-m", "pytest", *paths]:
            assert paths
            assert all((ROOT / path).exists() for path in paths if not path.startswith("-")), command
        case ["python", "-m", module, *arguments]:
            _check_flags(help_of(module), arguments)
        case ["python", script, *arguments]:
            if (ROOT / script).is_file():
                _check_flags(help_of(script), arguments)
            else:  # One of an example's, which may need more than there is here.
                flags = [word for word in arguments if word.startswith("--")]
                sources = [path.read_text() for path in ROOT.glob(f"examples/*/{script}")]
                assert any(all(f'"{flag}"' in source for flag in flags) for source in sources), f"there is no {command}"
        case ["make", *targets]:
            subprocess.run(["make", "-n", *targets], cwd=ROOT, check=True, capture_output=True)
        case ["pip", "install", *packages]:
            for package in packages:
                _check_package(package)
        case ["git", name, *_]:
            assert name in git_commands(), f"git has no {name}"


def check_overnight(arguments: list[str]) -> None:
    """As the real parser reads it, without doing it."""
    name = arguments[0]
    if arguments in (["--version"], ["--help"], ["COMMAND", "--help"]):
        return
    assert name in _commands(), f"there is no `overnight {name}`"
    if arguments[-1].startswith("--") and any(arguments[-1] in option.opts for option in _commands()[name].params):
        return  # A flag that is only named, perhaps without its value.
    try:
        _commands()[name].make_context(name, list(arguments[1:]))
    except Exception as error:
        raise AssertionError(f"`overnight {shlex.join(arguments)}`: {error}") from None


@cache
def help_of(program: str) -> str:
    """What a script of the repository, or a module, says to `--help`; its source where it takes no flags at all."""
    is_script = program.endswith(".py")
    path = ROOT / (program if is_script else f"{program.replace('.', '/')}.py")
    source = path.read_text(encoding="utf-8")
    if "argparse" not in source:
        assert "__main__" in source, f"{program} is nothing to run"
        return source
    before, said = (list(sys.path), list(sys.argv)), io.StringIO()
    sys.path.insert(0, str(path.parent if is_script else ROOT))
    sys.argv = [program, "--help"]
    try:
        with contextlib.redirect_stdout(said):
            if is_script:
                runpy.run_path(str(path), run_name="__main__")
            else:
                runpy.run_module(program, run_name="__main__")
    except SystemExit:
        pass
    finally:
        sys.path[:], sys.argv[:] = before
    assert said.getvalue().startswith("usage: "), program
    return said.getvalue()


@cache
def _commands() -> dict[str, TyperCommand]:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return group.commands  # type: ignore[return-value]


@cache
def git_commands() -> frozenset[str]:
    """All that git knows."""
    said = subprocess.run(["git", "--list-cmds=main"], capture_output=True, text=True, check=True).stdout
    return frozenset(said.split())


def _check_flags(help_text: str, arguments: list[str]) -> None:
    for flag in (word.partition("=")[0] for word in arguments if word.startswith("--")):
        assert re.search(rf"{re.escape(flag)}\b", help_text), f"{flag} is not in its --help"


def _check_package(name: str) -> None:
    """Extras must be ours, where the package is."""
    found = re.fullmatch(r"(\.|overnight)\[([\w,]+)\]", name)
    if found:
        known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
        unknown = set(found[2].split(",")) - known.keys()
        assert not unknown, f"there is no extra {unknown}"


def _words(command: str) -> list[str]:
    """The words, without variables before them, and without what leads output elsewhere."""
    words = shlex.split(command, comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    end = next((place for place, word in enumerate(words) if word in (">", ">>", "|", ">/dev/null")), len(words))
    return words[:end]


def is_command(text: str) -> bool:
    """Whether a text between backticks is one that `check` knows: a program's name is not, nor is a branch's."""
    return bool(re.match(r"(?:overnight|python|pip install|make) \S", text))


def is_short(text: str) -> bool:
    """Whether it is an `overnight` command without the word, such as `run --serve` or `show N`."""
    first, _, rest = text.partition(" ")
    return first in _commands() and bool(re.match(r"(?:--\w|N\b|NUMBER\b|\d)", rest))
