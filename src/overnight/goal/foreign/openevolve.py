"""OpenEvolve: `initial_program.py`, an `evaluator.py` whose `evaluate(path)` returns metrics, and a config.yaml."""

from __future__ import annotations

import re
from pathlib import Path

from overnight.goal.foreign.problem import Configuration, Problem, by_key, handed_over, known, one_of
from overnight.goal.foreign.scope import within_markers
from overnight.goal.suggest import beginning_of

_EVALUATOR = "evaluator.py"


def recognise(folder: Path) -> Problem | None:
    """The problem in `folder`, if it is one of these."""
    program = one_of(folder, "initial_program")
    if program is None or not re.search(r"^(?:def evaluate\(|from .* import .*\bevaluate\b|evaluate\s*=)",
                                        beginning_of(folder / _EVALUATOR), re.MULTILINE):  # fmt: skip
        return None
    configs = [folder / "config.yaml", *sorted(folder.glob("config*.y*ml"))]
    config = Configuration(next((path for path in configs if path.is_file()), configs[0]))
    run, score = handed_over(folder, "openevolve", program, _EVALUATOR)
    said = by_key(
        known("edit", program, f"it stands next to {_EVALUATOR}{within_markers(folder / program)}"),
        run,
        score,
        known("metric", "combined_score", "that is what OpenEvolve goes by"),
        known("direction", "higher", "in OpenEvolve, higher is better"),
        config.number("budget", "evaluator", "timeout"),
        config.number("stop.experiments", "max_iterations"),
    )
    english = config.text("prompt", "system_message") or config.text("prompt", "system_prompt")
    english = english or config.text("system_message") or config.text("system_prompt")
    named_template = " " not in english  # Such as `evaluator_system_message`: OpenEvolve's own, and not here.
    return Problem("an OpenEvolve example", said, "" if named_template else english)
