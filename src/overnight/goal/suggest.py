"""Answers suggested from the files in a folder, each with the reason in words. Nothing in the folder is run.

Every question has its own function, because later ones depend on what was answered to earlier ones: the
command on the file, the metric on the file and its scorer.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from overnight.goal.durations import format_duration
from overnight.goal.names import direction_of, is_counter


@dataclass(frozen=True)
class Suggestion:
    """What to answer, and why, as words that end a sentence: "it stands next to prepare.py"."""

    value: str
    why: str


_LIKELY_NAMES = (
    *("train", "solve", "solver", "model", "strategy", "optimize"),
    *("retrieve", "search", "sort", "main", "run", "app"),
)
_SCORERS = ("score", "scorer", "evaluate", "eval", "judge", "grade")
_RUNNERS = ("bench", "benchmark", "backtest", "run", "main", "train", "harness", *_SCORERS)
_NOT_THE_ONE = re.compile(
    r"(?:test_.*|.*_test|.*\.test|.*\.spec|tests?|conftest|setup|conf|config|prepare|noxfile|tasks|manage|"
    r"__\w+__|download\w*|plot\w*|data|dataset|utils?|helpers?)$",
    re.IGNORECASE,
)
_SKIPPED_FOLDERS = {
    *("node_modules", "venv", "env", "build", "dist", "target", "site-packages"),
    *("docs", "tests", "test", "data", "__pycache__"),
}
_LAUNCHERS = {
    **{".js": "node", ".mjs": "node", ".cjs": "node", ".ts": "npx tsx", ".sh": "bash", ".rb": "ruby"},
    **{".jl": "julia", ".R": "Rscript", ".go": "go run", ".php": "php", ".lua": "lua", ".pl": "perl"},
}
_COMPILED = (
    *(".c", ".cc", ".cpp", ".cu", ".rs", ".java", ".kt", ".zig"),
    *(".swift", ".hs", ".ml", ".tsx", ".sql"),
)
_SOURCES = {".py", *_LAUNCHERS, *_COMPILED}

MOST_ENTRIES = 2_000
"""A folder is looked at, not searched: a suggestion that takes seconds is not worth waiting for."""
MOST_BYTES = 300_000


def suggest_edit(folder: Path) -> Suggestion | None:
    """The file most likely meant to be improved, or None where nothing stands out."""
    sources = [path for path in listed(folder) if path.suffix in _SOURCES]
    top = {path.name for path in sources if len(path.parts) == 1}
    if {"train.py", "prepare.py"} <= top:
        return Suggestion("train.py", "it stands next to prepare.py")
    frozen = (*_SCORERS, "bench", "benchmark", "harness", "backtest")
    candidates = [path for path in sources if not _NOT_THE_ONE.match(path.stem) and path.stem not in frozen]
    for name in _LIKELY_NAMES:
        for path in candidates:
            if path.stem.lower() == name:
                return Suggestion(path.as_posix(), f"a file called {path.name} is usually the one")
    if len(candidates) == 1:
        return Suggestion(candidates[0].as_posix(), "it is the only source file here")
    measured = _imported_by_runner(folder, candidates, sources)
    if measured:
        return measured
    if not candidates and (benches := [path for path in sources if path.stem in frozen and path.stem not in _SCORERS]):
        return Suggestion(benches[0].as_posix(), "it is the only script here")
    return None


def suggest_score(folder: Path, edit: str) -> Suggestion | None:
    """A scorer beside the file that reads what a run left. One that imports the file is the run itself."""
    for name in _SCORERS:
        path = folder / f"{name}.py"
        if path.is_file() and path.name != edit and not _imports(beginning_of(path), Path(edit).stem):
            return Suggestion(_python(folder, path.name), f"{path.name} looks like the scorer; it cannot be changed")
    return None


def suggest_run(folder: Path, edit: str) -> Suggestion | None:
    """The command of one run: the project's benchmark, else the script that uses the file, else the file."""
    if benchmark := _named_benchmark(folder):
        return benchmark
    path = Path(edit)
    if not re.search(r"__main__", beginning_of(folder / edit)):
        for name in _RUNNERS:
            runner = folder / f"{name}.py"
            if path.suffix == ".py" and runner.name != path.name and _imports(beginning_of(runner), path.stem):
                return Suggestion(_python(folder, runner.name), f"{runner.name} imports {path.name}")
    if command := launched(folder, edit):
        return Suggestion(command, "the project uses uv" if command.startswith("uv ") else f"it runs {edit}")
    if (folder / "Cargo.toml").is_file():
        return Suggestion("cargo run --release", "there is a Cargo.toml")
    return None


def suggest_metric(folder: Path, edit: str, score: str | None = None, run: str | None = None) -> Suggestion | None:
    """The number printed by the scorer, else by the run, that looks most like a verdict."""
    for source in dict.fromkeys([*scripts_in(score), *scripts_in(run), edit]):
        names = list(dict.fromkeys(_printed_names(beginning_of(folder / source))))
        if names:
            return Suggestion(max(names, key=_looks_like_a_verdict), f"{source} prints it")
    return None


def suggest_direction(metric: str) -> Suggestion | None:
    """From the metric's name; None where it does not say, since a wrong guess would spoil the whole night."""
    direction = direction_of(metric)
    return Suggestion(direction, f"that is how {metric} is usually read") if direction else None


_FIVE_MINUTES = Suggestion("5m", "about a hundred experiments fit into a night")


def suggest_budget(folder: Path, edit: str) -> Suggestion:
    """How long one run gets: what the scripts say of themselves, else five minutes."""
    for name in dict.fromkeys([edit, "prepare.py"]):
        if match := re.search(r"^\s*TIME_BUDGET\w*\s*=\s*([1-9]\d{0,4})\b", beginning_of(folder / name), re.MULTILINE):
            return Suggestion(format_duration(float(match[1])), f"{name} says {match[0].strip()}")
    return _FIVE_MINUTES


def prints(folder: Path, script: str, name: str) -> bool:
    """Whether a script, or the script in a command, seems to print that number."""
    return any(name in _printed_names(beginning_of(folder / path)) for path in scripts_in(script))


def says_its_own_budget(folder: Path, edit: str) -> bool:
    """Whether the script stops its own clock, so that start-up and evaluation come on top of the budget."""
    return suggest_budget(folder, edit) != _FIVE_MINUTES


def listed(folder: Path) -> list[Path]:
    """Paths relative to the folder, its own files first, then those one folder down; hidden ones never."""
    found: list[Path] = []
    seen = 0
    for base in [Path(), *(Path(name) for name in sorted(_visible(folder, folders=True)))]:
        for name in sorted(_visible(folder / base, folders=False)):
            seen += 1
            if seen > MOST_ENTRIES:
                return found
            found.append(base / name)
    return found


def _visible(folder: Path, *, folders: bool) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for count, entry in enumerate(entries):
                if count > MOST_ENTRIES:
                    return
                if entry.name.startswith(".") or entry.name in _SKIPPED_FOLDERS:
                    continue
                if entry.is_dir(follow_symlinks=False) if folders else entry.is_file():
                    yield entry.name
    except OSError:
        return


def beginning_of(path: Path) -> str:
    """The beginning of a file, or nothing where there is none to read."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", errors="replace")
    except (OSError, ValueError):
        return ""


def _imports(text: str, module: str) -> bool:
    name = re.escape(module)
    ways = rf"from (?:[\w.]{{1,60}}\.)?{name} import|import (?:[\w.]{{1,60}}\.)?{name}\b"
    return re.search(rf"^[ \t]*(?:{ways}|from [\w.]{{1,60}} import {name}\b)", text, re.MULTILINE) is not None


def _imported_by_runner(folder: Path, candidates: list[Path], sources: list[Path]) -> Suggestion | None:
    for runner in sources:
        if runner.stem in _RUNNERS and runner.suffix == ".py":
            text = beginning_of(folder / runner)
            used = [path for path in candidates if path != runner and _imports(text, path.stem)]
            if len(used) == 1:
                return Suggestion(used[0].as_posix(), f"it is what {runner.name} imports")
    return None


def _named_benchmark(folder: Path) -> Suggestion | None:
    if match := re.search(r"^(bench\w*)\s*:(?!=)", beginning_of(folder / "Makefile"), re.MULTILINE):
        return Suggestion(f"make {match[1]}", f"the Makefile has a target {match[1]}")
    try:
        scripts = json.loads(beginning_of(folder / "package.json") or "{}").get("scripts", {})
        name = next((name for name in ("bench", "benchmark") if name in scripts), None)
    except (ValueError, AttributeError, TypeError, RecursionError):
        name = None
    return Suggestion(f"npm run --silent {name}", f"package.json has a script {name}") if name else None


def launched(folder: Path, script: str) -> str | None:
    """The command that runs a script, by its suffix; None where that does not say."""
    suffix = Path(script).suffix
    if suffix == ".py":
        return _python(folder, script)
    return f"{_LAUNCHERS[suffix]} {_shell_word(script)}" if suffix in _LAUNCHERS else None


def _python(folder: Path, script: str) -> str:
    python = "uv run" if _uses_uv(folder) else interpreter(folder)
    return f"{python} {_shell_word(script)}"


def interpreter(folder: Path) -> str:
    """The command that is the project's Python."""
    if _uses_uv(folder):
        return "uv run python"
    return "python" if shutil.which("python") or not shutil.which("python3") else "python3"


def _uses_uv(folder: Path) -> bool:
    return (folder / "uv.lock").is_file() or "[tool.uv" in beginning_of(folder / "pyproject.toml")


def _shell_word(script: str) -> str:
    return f"'{script}'" if re.search(r"[^\w./-]", script) else script


def scripts_in(command: str | None) -> list[str]:
    """The files named in a command: `uv run train.py --fast` → `train.py`."""
    return re.findall(r"[\w./-]+\.\w{1,4}\b", command or "")


_OUTPUT_LINE = re.compile(r"print|echo|console\.log|write|dumps|stringify|METRIC|puts")
_PRINTED = re.compile(
    r"""["'`](?:METRIC\s+|\\n)?([A-Za-z][\w-]{0,60})\s*(?:[:=]\s*(?:\{|\$|%|\d|["'`]\s*[,+.])|["']\s*:\s)"""
)


def _printed_names(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if len(line) < 1_000 and _OUTPUT_LINE.search(line):
            yield from _PRINTED.findall(line)


def _looks_like_a_verdict(name: str) -> int:
    held_out = re.match(r"(?:val|valid|test|eval|heldout)_", name) is not None
    return 2 * (direction_of(name) is not None) + held_out - 3 * is_counter(name)
