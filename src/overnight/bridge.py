"""A scorer made of an evaluator in another program's format: `python -m overnight.bridge openevolve evaluator.py FILE`.

Its numbers are printed as `name: value`; whatever the evaluator or the program print goes to standard error, so that it
cannot be taken for a number. Only the standard library, old syntax, and nothing of Overnight: this file runs in the
evaluator's own Python, which may be another one than Overnight's.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
import types
from pathlib import Path
from typing import Any, NoReturn

_FORMATS = ("openevolve", "shinka")
_SHOWN = 2000


def main(arguments: list[str]) -> None:
    """Evaluate once: `FORMAT EVALUATOR PROGRAM`."""
    if len(arguments) == 4 and arguments[0] == "call":
        _call(Path(arguments[1]), Path(arguments[2]), Path(arguments[3]))
    try:
        _evaluate(arguments)
    except _FailedError as failed:
        raise SystemExit(str(failed)) from None


class _FailedError(Exception):
    """There is no score; the text says why."""


def _evaluate(arguments: list[str]) -> None:
    if len(arguments) != 3 or arguments[0] not in _FORMATS:
        _fail(f"use it so: python -m overnight.bridge {'|'.join(_FORMATS)} EVALUATOR PROGRAM")
    evaluator, program = Path(arguments[1]).absolute(), Path(arguments[2])
    if not evaluator.is_file() or not program.is_file():
        _fail(f"there is no file {program if evaluator.is_file() else evaluator.name}")
    with tempfile.TemporaryDirectory() as scratch:
        # Evaluators may write beside the program, as they do at home.
        copy, results = Path(scratch) / program.name, Path(scratch) / "results"
        shutil.copyfile(program, copy)
        results.mkdir()
        if arguments[0] == "openevolve":
            command = [sys.executable, str(Path(__file__).absolute()), "call", str(evaluator), str(copy), str(results)]
        else:
            command = [sys.executable, str(evaluator), "--program_path", str(copy), "--results_dir", str(results)]
        ended = _run(command)
        metrics = _metrics(results, evaluator.name, ended)
    for name, value in metrics.items():
        sys.stdout.write(f"{re.sub('[^A-Za-z0-9_./@%-]', '_', name)}: {value!r}\n")


def _run(command: list[str]) -> int:
    """The exit code of the evaluation, a process group of its own, which is ended with the run's budget."""
    budget = os.environ.get("OVERNIGHT_BUDGET_SECONDS")
    sys.stderr.flush()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2, start_new_session=True) as process:
        try:
            return process.wait(float(budget) if budget else None)
        except subprocess.TimeoutExpired:
            _fail(f"the evaluation did not end within {budget} s, the budget")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # What it left running is of no use to anybody.


def _metrics(results: Path, evaluator: str, ended: int) -> dict[str, float]:
    """What an evaluation left in its folder, in ShinkaEvolve's layout. What is private in it stays so."""
    correct = _read(results / "correct.json")
    if correct is not None and not correct.get("correct"):
        _fail(str(correct.get("error") or f"{evaluator} says that the program is not correct"))
    if ended != 0:
        _fail(
            f"{evaluator} stopped with exit code {ended}" if ended > 0 else f"{evaluator} was ended by signal {-ended}"
        )
    metrics = _read(results / "metrics.json")
    if metrics is None or correct is None:
        _fail(f"{evaluator} ended without writing {'metrics' if metrics is None else 'correct'}.json")
    public = metrics.get("public")
    numbers = {**(_numbers(public) if isinstance(public, dict) else {}), **_numbers(metrics)}
    if "combined_score" not in numbers:
        _fail(f"{evaluator} gives no combined_score")
    return numbers


def _read(file: Path) -> dict[str, Any] | None:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def _call(evaluator: Path, program: Path, results: Path) -> NoReturn:
    """OpenEvolve's way: the evaluator is imported and its `evaluate` called. What it returns is left in two files."""
    error = None
    try:
        numbers = _returned(evaluator, program)
        (results / "metrics.json").write_text(json.dumps(numbers), encoding="utf-8")
    except _FailedError as failed:
        error = str(failed)
    except Exception as raised:
        traceback.print_exc()
        error = f"{type(raised).__name__}: {raised}"
    (results / "correct.json").write_text(json.dumps({"correct": error is None, "error": error}), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # Not a line more of the program: threads and exit handlers of its are left behind.


def _returned(evaluator: Path, program: Path) -> dict[str, float]:
    sys.path[0] = str(evaluator.parent)
    _stand_in_for_openevolve()
    spec = importlib.util.spec_from_file_location("evaluation_module", evaluator)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["evaluation_module"] = module
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        _fail(
            f"{evaluator.name} needs the package {error.name}, which {sys.executable} does not have; install it there"
        )
    evaluate = getattr(module, "evaluate", None)
    if not callable(evaluate):
        _fail(f"{evaluator.name} has no function `evaluate`")
    returned = evaluate(str(program))
    metrics = getattr(returned, "metrics", returned)
    if not isinstance(metrics, dict):
        _fail(f"`evaluate` returned {type(returned).__name__}, not metrics by name or an EvaluationResult")
    numbers = _numbers(metrics)
    if "combined_score" in metrics and "combined_score" not in numbers:
        _fail(f"combined_score is {metrics['combined_score']!r}, and versions are compared by one number")
    if numbers and "combined_score" not in numbers:
        known = [value for value in numbers.values() if value == value]  # noqa: PLR0124 - all but NaN
        numbers["combined_score"] = sum(known) / max(len(known), 1)  # As OpenEvolve does.
    problem = metrics.get("error")
    if isinstance(problem, str) and problem.strip() and not numbers.get("combined_score", 0.0) > 0:
        _fail(problem)
    artifacts = getattr(returned, "artifacts", None)
    for name, text in artifacts.items() if isinstance(artifacts, dict) else ():
        sys.stderr.write(f"{name}: {str(text)[:_SHOWN]}\n")
    return numbers


def _numbers(metrics: dict[Any, Any]) -> dict[str, float]:
    """All that is a number, NumPy's and tensors of one among them."""
    found = {}
    for name, value in metrics.items():
        if hasattr(value, "__float__"):
            with contextlib.suppress(TypeError, ValueError, OverflowError, RuntimeError):
                found[str(name)] = float(value)
    return found


def _stand_in_for_openevolve() -> None:
    """Most evaluators need nothing of OpenEvolve but the class of what they return: without it, one of two fields."""
    if importlib.util.find_spec("openevolve") is not None:
        return

    class EvaluationResult:
        def __init__(self, metrics: dict[str, Any], artifacts: dict[str, Any] | None = None) -> None:
            self.metrics, self.artifacts = metrics, artifacts or {}

    package, module = types.ModuleType("openevolve"), types.ModuleType("openevolve.evaluation_result")
    package.__path__ = []
    package.evaluation_result = module  # type: ignore[attr-defined]
    module.EvaluationResult = EvaluationResult  # type: ignore[attr-defined]
    sys.modules.update({"openevolve": package, "openevolve.evaluation_result": module})


def _fail(reason: str) -> NoReturn:
    raise _FailedError(" ".join(reason.split())[:_SHOWN])


if __name__ == "__main__":
    main(sys.argv[1:])
