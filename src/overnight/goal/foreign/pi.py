"""pi-autoresearch: a folder `.auto` with measure.sh and prompt.md, or their older names beside the code."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from overnight.goal.english import Found
from overnight.goal.foreign.problem import Problem, by_key, known
from overnight.goal.suggest import beginning_of

_PRIMARY = re.compile(r"^.*\*\*Primary\*\*[^`\w]*`?(?P<name>[\w./-]+)`?(?P<rest>.*)$", re.MULTILINE | re.IGNORECASE)
_SCOPE = re.compile(r"^#+ *Files in Scope *$(?P<list>.*?)(?=^#{1,2} |\Z)", re.MULTILINE | re.DOTALL | re.IGNORECASE)
_ITEM = re.compile(r"^\s*[-*]\s+`(?P<path>[^`\s]+)`", re.MULTILINE)


@dataclass(frozen=True)
class _Names:
    """What the files are called in one of the two layouts."""

    measure: str
    prompt: str
    checks: str
    log: str
    config: str


_LAYOUTS = (
    _Names(".auto/measure.sh", ".auto/prompt.md", ".auto/checks.sh", ".auto/log.jsonl", ".auto/config.json"),
    _Names("autoresearch.sh", "autoresearch.md", "autoresearch.checks.sh", "autoresearch.jsonl",
           "autoresearch.config.json"),
)  # fmt: skip


def recognise(folder: Path) -> Problem | None:
    """The problem in `folder`, if it is one of these."""
    names = next((names for names in _LAYOUTS if (folder / names.measure).is_file()), None)
    if names is None:
        return None
    prompt = beginning_of(folder / names.prompt)
    has_checks = (folder / names.checks).is_file()
    said = by_key(
        known("run", f"bash {names.measure}", "pi-autoresearch measures with it"),
        known("guards", f"bash {names.checks}", f"{names.checks} must pass before a keep") if has_checks else None,
        _files(folder, prompt, names.prompt),
        *(_of_log(folder / names.log, names.log) or _of_prompt(prompt, names.prompt)),
        _most(folder / names.config, names.config),
        _ignored(folder, names.measure),
    )
    return Problem("a pi-autoresearch session", said, prompt)


def _files(folder: Path, prompt: str, name: str) -> Found | None:
    """The files that its prompt names as being in scope, those of them that are there."""
    scope = _SCOPE.search(prompt)
    named = [match["path"] for match in _ITEM.finditer(scope["list"]) if Path(match["path"]).parts] if scope else []
    patterns = [f"{path.removeprefix('./').rstrip('/')}/**" if (folder / path).is_dir() else path for path in named]
    there = [path for path in dict.fromkeys(patterns) if _is_there(folder, path)]
    return (
        known("edit", ", ".join(there), f"{name} names {'it' if len(there) == 1 else 'them'} in scope")
        if there
        else None
    )


def _is_there(folder: Path, pattern: str) -> bool:
    if pattern.startswith("/") or ".." in Path(pattern).parts:
        return False
    try:
        return next(iter(folder.glob(pattern)), None) is not None
    except (ValueError, OSError):  # It is no pattern after all.
        return False


def _of_log(file: Path, name: str) -> list[Found]:
    """Metric and direction as its tools were last given them."""
    for line in reversed(beginning_of(file).splitlines()):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("type") == "config" and isinstance(record.get("metricName"), str):
            way = record.get("bestDirection")
            return [
                known("metric", record["metricName"], f"{name} says metricName"),
                *([known("direction", way, f"{name} says bestDirection")] if way in ("lower", "higher") else []),
            ]
    return []


def _of_prompt(prompt: str, name: str) -> Iterator[Found]:
    match = _PRIMARY.search(prompt)
    if match is None:
        return
    where = f"{name}, line {prompt.count(chr(10), 0, match.start()) + 1}: “{match[0].strip()[:160]}”"
    yield known("metric", match["name"], where)
    if way := re.search(r"\b(lower|higher)\b", match["rest"], re.IGNORECASE):
        yield known("direction", way[1].lower(), where)


def _most(file: Path, name: str) -> Found | None:
    try:
        most = json.loads(beginning_of(file) or "{}").get("maxIterations")
    except (ValueError, AttributeError):
        return None
    is_count = isinstance(most, int) and not isinstance(most, bool) and most > 0
    return known("stop.experiments", float(most), f"{name} says maxIterations") if is_count else None


def _ignored(folder: Path, measure: str) -> Found | None:
    """Runs see what git has; some keep the whole session out of it."""
    top = measure.partition("/")[0]
    ignored = re.search(rf"^/?{re.escape(top)}/?\s*$", beginning_of(folder / ".gitignore"), re.MULTILINE)
    return known("read", top, f".gitignore keeps {top} out of git") if ignored else None
