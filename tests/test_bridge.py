"""The bridge: what evaluators in other formats return becomes numbers, and what anybody prints does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from overnight import bridge

RESULT = "from openevolve.evaluation_result import EvaluationResult\n"
RUNS = "import runpy\ndef evaluate(path):\n    {}\n"
SHINKA = """import json, sys
folder = sys.argv[sys.argv.index("--results_dir") + 1]
def write(name, content):
    with open(f"{folder}/{name}.json", "w") as file:
        json.dump(content, file)
open(sys.argv[sys.argv.index("--program_path") + 1])
print("combined_score: 9")
"""


def evaluated(folder: Path, evaluator: str, program: str = "X = 1\n", kind: str = "openevolve") -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    (folder / "evaluator.py").write_text(evaluator)
    (folder / "program.py").write_text(program)
    done = subprocess.run(
        [sys.executable, bridge.__file__, kind, "evaluator.py", "program.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "OVERNIGHT_BUDGET_SECONDS": "20", "TMPDIR": str(folder)},
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("returned", "printed"),
    [
        ("{'combined_score': 0.5, 'text': 'x', 'list': [1], 'a b': True}", "combined_score: 0.5\na_b: 1.0\n"),
        ("__import__('fractions').Fraction(1, 2) and {'combined_score': __import__('decimal').Decimal('0.25')}",
         "combined_score: 0.25\n"),
        ("{'speed': 1.0, 'size': 2, 'bad': float('nan')}", "speed: 1.0\nsize: 2.0\nbad: nan\ncombined_score: 1.5\n"),
        ("{'combined_score': float('inf')}", "combined_score: inf\n"),
        ("{'combined_score': 0.8, 'error': 'two trials failed'}", "combined_score: 0.8\n"),
        ("{'combined_score': 0.8, 'error': 0.1}", "combined_score: 0.8\nerror: 0.1\n"),
        ("EvaluationResult(metrics={'combined_score': 2}, artifacts={'hint': 'combined_score: 7'})",
         "combined_score: 2.0\n"),
    ],
)  # fmt: skip
def test_what_evaluate_returns_is_what_counts(tmp_path: Path, returned: str, printed: str) -> None:
    code, out, err = evaluated(tmp_path, RESULT + RUNS.format(f"print('combined_score: 3'); return {returned}"))
    assert (code, out) == (0, printed), err
    assert "combined_score: 3" in err, "what is printed can be read, and is no number"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return {'combined_score': 0.0, 'error': 'Missing run_search'}", "Missing run_search"),
        ("return {'error': 'no'}", "no"),
        ("return {'combined_score': (1.0, 2.0)}", "combined_score is (1.0, 2.0), and versions are compared by one"),
        ("return {'text': 'x'}", "evaluator.py gives no combined_score"),
        ("return 0.5", "`evaluate` returned float, not metrics by name"),
        ("raise ValueError('broken')", "ValueError: broken"),
    ],
)
def test_an_evaluation_that_fails_says_why_and_prints_no_number(tmp_path: Path, body: str, said: str) -> None:
    code, out, err = evaluated(tmp_path, RUNS.format(body))
    assert (code, out) == (1, "")
    assert said in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("evaluator", "said"),
    [
        ("import no_such_package\n", "evaluator.py needs the package no_such_package"),
        ("from openevolve.config import Config\n", "evaluator.py needs the package openevolve.config"),
        ("class Evaluation:\n    pass\n", "evaluator.py has no function `evaluate`"),
    ],
)
def test_an_evaluator_that_cannot_be_used_says_what_is_missing(tmp_path: Path, evaluator: str, said: str) -> None:
    code, _, err = evaluated(tmp_path, evaluator)
    assert code == 1
    assert said in err


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import os; print('combined_score: 9', flush=True); os._exit(0)", "ended without writing metrics.json"),
        ("import sys; print('combined_score: 9'); sys.exit(0)", "ended without writing metrics.json"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "was ended by signal 15"),
    ],
)
def test_a_program_that_ends_its_evaluator_has_no_score(tmp_path: Path, program: str, said: str) -> None:
    code, out, err = evaluated(tmp_path, RUNS.format("runpy.run_path(path); return {'combined_score': 1}"), program)
    assert (code, out) == (1, "")
    assert said in err.splitlines()[-1]


def test_what_a_program_leaves_for_the_end_is_not_run(tmp_path: Path) -> None:
    program = "import atexit\natexit.register(lambda: open('changed', 'w'))\n"
    code, out, _ = evaluated(tmp_path, RUNS.format("runpy.run_path(path); return {'combined_score': 1}"), program)
    assert (code, out) == (0, "combined_score: 1.0\n")
    assert not (tmp_path / "changed").exists()


def test_an_evaluation_beyond_the_budget_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    (tmp_path / "evaluator.py").write_text(
        "import subprocess\ndef evaluate(path):\n    subprocess.run(['sleep', '60'])\n"
    )
    (tmp_path / "program.py").write_text("")
    done = subprocess.run(
        [sys.executable, bridge.__file__, "openevolve", "evaluator.py", "program.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30,
        env={**os.environ, "OVERNIGHT_BUDGET_SECONDS": "0.5"},
    )  # fmt: skip
    # That it came back says that `sleep` is gone too: it holds the pipe that was read to its end.
    assert (done.returncode, done.stdout) == (1, "")
    assert "did not end within 0.5 s" in done.stderr


def test_an_evaluator_finds_what_lies_beside_it_and_may_write_beside_the_program(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("HALF = 0.5\n")
    (tmp_path / "openevolve").mkdir()
    (tmp_path / "openevolve" / "evaluation_result.py").write_text(
        "class EvaluationResult:\n    def __init__(self, metrics):\n        self.metrics = {'theirs': 1, **metrics}\n"
    )
    body = "open(path + '.results', 'w').write('x'); return EvaluationResult(metrics={'combined_score': helper.HALF})"
    code, out, err = evaluated(tmp_path, RESULT + "import helper\n" + RUNS.format(body))
    assert (code, out) == (0, "theirs: 1.0\ncombined_score: 0.5\n"), err
    assert not list(tmp_path.rglob("*.results")), "the copy is gone"


@pytest.mark.parametrize(
    ("written", "code", "said"),
    [
        ("write('metrics', {'combined_score': 2, 'n': 3, 'public': {'n': 1, 'm': 4, 's': 'x'}, 'private': {'p': 5}})\n"
         "write('correct', {'correct': True, 'error': None})", 0, "n: 3.0\nm: 4.0\ncombined_score: 2.0\n"),
        ("write('metrics', {'combined_score': 2})\nwrite('correct', {'correct': False, 'error': 'circles overlap'})\n"
         "sys.exit(1)", 1, "circles overlap"),
        ("write('metrics', {'combined_score': 2})\nwrite('correct', {'correct': False})", 1, "is not correct"),
        ("write('metrics', {'combined_score': 2})", 1, "ended without writing correct.json"),
        ("write('correct', {'correct': True})", 1, "ended without writing metrics.json"),
        ("write('metrics', {'x': 2})\nwrite('correct', {'correct': True})", 1, "gives no combined_score"),
        ("sys.exit(3)", 1, "evaluator.py stopped with exit code 3"),
    ],
)  # fmt: skip
def test_shinka_leaves_its_numbers_in_files(tmp_path: Path, written: str, code: int, said: str) -> None:
    ended, out, err = evaluated(tmp_path, SHINKA + written, kind="shinka")
    assert ended == code, err
    assert said in (out if code == 0 else err.splitlines()[-1])
    assert (out == "") == (code != 0)


@pytest.mark.parametrize("arguments", [[], ["other", "evaluator.py", "p.py"], ["shinka", "no.py", "p.py"]])
def test_a_wrong_call_says_so(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match=r"use it so|there is no file"):
        bridge.main(arguments)
