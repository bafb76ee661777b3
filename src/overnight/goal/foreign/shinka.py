"""ShinkaEvolve: `initial.py` and an `evaluate.py` that writes metrics.json and correct.json into a folder."""

from __future__ import annotations

import ast
from pathlib import Path

from overnight.goal.foreign.problem import Configuration, Problem, by_key, handed_over, known, one_of
from overnight.goal.foreign.scope import within_markers
from overnight.goal.suggest import beginning_of

_EVALUATOR = "evaluate.py"
_SYSTEM_MESSAGE = "task_sys_msg"


def recognise(folder: Path) -> Problem | None:
    """The problem in `folder`, if it is one of these."""
    program = one_of(folder, "initial")
    text = beginning_of(folder / _EVALUATOR)
    if program is None or not all(option in text for option in ("--program_path", "--results_dir")):
        return None
    configs = [Configuration(path) for path in sorted(folder.glob("*.y*ml"))]
    run, score = handed_over(folder, "shinka", program, _EVALUATOR, ", and `correct: false` is a crash")
    generations = (config.number("stop.experiments", "evo_config", "num_generations") for config in configs)
    said = by_key(
        known("edit", program, f"it stands next to {_EVALUATOR}{within_markers(folder / program)}"),
        run,
        score,
        known("metric", "combined_score", "that is what ShinkaEvolve goes by"),
        known("direction", "higher", "in ShinkaEvolve, higher is better"),
        next(filter(None, generations), None),
    )
    messages = (config.text("evo_config", _SYSTEM_MESSAGE) for config in configs)
    english = next(filter(None, messages), "") or _message_in(beginning_of(folder / "run_evo.py"))
    return Problem("a ShinkaEvolve example", said, english)


def _message_in(script: str) -> str:
    """The system message that a script of theirs assigns; the script is read and not run."""
    try:
        tree = ast.parse(script)
    except (SyntaxError, ValueError, RecursionError):
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.keyword):
            names = [node.arg or ""]
        else:
            continue
        value = node.value
        if any(name.endswith(_SYSTEM_MESSAGE) for name in names) and isinstance(value, ast.Constant):
            return value.value.strip() if isinstance(value.value, str) else ""
    return ""
