from __future__ import annotations

from pathlib import Path

import pytest

from overnight.goal import suggest
from overnight.goal.names import direction_of


def lay_out(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("files", "edit", "why"),
    [
        (["train.py", "prepare.py", "main.py"], "train.py", "next to prepare.py"),
        (["solve.py", "score.py", "test_solve.py"], "solve.py", "usually"),
        (["setup.py", "conftest.py", "odd.py"], "odd.py", "only source file"),
        (["src/model.py", "tests/model.py"], "src/model.py", "usually"),
        (["bench.py"], "bench.py", "only script"),
        (["retrieve.js", "package.json"], "retrieve.js", "usually"),
    ],
)
def test_edit(tmp_path: Path, files: list[str], edit: str, why: str) -> None:
    found = suggest.suggest_edit(lay_out(tmp_path, dict.fromkeys(files, "")))
    assert found is not None
    assert found.value == edit
    assert why in found.why


def test_the_module_that_a_benchmark_imports_is_the_one_to_edit(tmp_path: Path) -> None:
    lay_out(tmp_path, {"bench.py": "from heap import Heap\n", "heap.py": "", "other.py": ""})
    assert suggest.suggest_edit(tmp_path) == suggest.Suggestion("heap.py", "it is what bench.py imports")
    assert suggest.suggest_run(tmp_path, "heap.py") == suggest.Suggestion(
        suggest.suggest_run(tmp_path, "bench.py").value,
        "bench.py imports heap.py",  # type: ignore[union-attr]
    )


@pytest.mark.parametrize("files", [[], ["a.py", "b.py"], ["test_a.py", "setup.py"], ["notes.md"], [".venv/train.py"]])
def test_where_nothing_stands_out_nothing_is_suggested(tmp_path: Path, files: list[str]) -> None:
    assert suggest.suggest_edit(lay_out(tmp_path, dict.fromkeys(files, ""))) is None


@pytest.mark.parametrize(
    ("files", "edit", "run"),
    [
        ({"train.py": "", "uv.lock": ""}, "train.py", "uv run train.py"),
        ({"train.py": "", "pyproject.toml": "[tool.uv]\n"}, "train.py", "uv run train.py"),
        ({"x.js": ""}, "x.js", "node x.js"),
        ({"x.py": "", "Makefile": "all:\n\ttrue\nbench: all\n\tpython x.py\n"}, "x.py", "make bench"),
        ({"x.js": "", "package.json": '{"scripts": {"bench": "node x.js"}}'}, "x.js", "npm run --silent bench"),
        ({"src/main.rs": "", "Cargo.toml": ""}, "src/main.rs", "cargo run --release"),
    ],
)
def test_run(tmp_path: Path, files: dict[str, str], edit: str, run: str) -> None:
    found = suggest.suggest_run(lay_out(tmp_path, files), edit)
    assert found is not None
    assert found.value == run
    assert found.why


def test_plain_python_runs_the_file(tmp_path: Path) -> None:
    found = suggest.suggest_run(lay_out(tmp_path, {"train it.py": ""}), "train it.py")
    assert found is not None
    assert found.value in ("python 'train it.py'", "python3 'train it.py'")


@pytest.mark.parametrize("text", ["{", "[]", '{"scripts": 3}', '{"scripts": {"test": "x"}}', "\udcff"])
def test_a_package_json_that_says_nothing_is_passed_over(tmp_path: Path, text: str) -> None:
    lay_out(tmp_path, {"x.js": ""})
    (tmp_path / "package.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert suggest.suggest_run(tmp_path, "x.js") == suggest.Suggestion("node x.js", "it runs x.js")


@pytest.mark.parametrize(
    ("line", "metric"),
    [
        ('print(f"val_bpb: {bpb:.6f}")', "val_bpb"),
        ('print("score:", score)', "score"),
        ('print(f"METRIC seconds={took}")', "seconds"),
        ('print(json.dumps({"ndcg": value}))', "ndcg"),
        ("console.log(`ops_per_sec: ${rate}`)", "ops_per_sec"),
        ('printf("latency_ms: %.3f\\n", ms);', "latency_ms"),
        ('print(f"num_steps: {n}")\nprint(f"total_seconds: {t}")\nprint(f"val_loss: {v}")', "val_loss"),
    ],
)
def test_metric(tmp_path: Path, line: str, metric: str) -> None:
    lay_out(tmp_path, {"x.py": line})
    assert suggest.suggest_metric(tmp_path, "x.py") == suggest.Suggestion(metric, "x.py prints it")


def test_the_scorers_metric_goes_before_the_runs(tmp_path: Path) -> None:
    lay_out(tmp_path, {"retrieve.py": 'print(f"seconds: {t}")', "score.py": 'print(f"ndcg: {n}")'})
    scorer = suggest.suggest_score(tmp_path, "retrieve.py")
    assert scorer is not None
    assert scorer.value.endswith(" score.py")
    assert suggest.suggest_metric(tmp_path, "retrieve.py", scorer.value) == suggest.Suggestion(
        "ndcg", "score.py prints it"
    )
    assert suggest.prints(tmp_path, scorer.value, "ndcg")
    assert not suggest.prints(tmp_path, scorer.value, "seconds")


def test_an_evaluation_that_imports_the_file_is_the_run_and_no_scorer(tmp_path: Path) -> None:
    lay_out(tmp_path, {"optimize.py": "def f(): ...", "evaluate.py": "from optimize import f\n"})
    assert suggest.suggest_score(tmp_path, "optimize.py") is None
    run = suggest.suggest_run(tmp_path, "optimize.py")
    assert run is not None
    assert run.value.endswith(" evaluate.py")


@pytest.mark.parametrize(
    "name", ["val_bpb", "error_rate", "p99_ms", "bytes_per_token", "trainSeconds", "wer", "missRate"]
)
def test_lower(name: str) -> None:
    assert direction_of(name) == "lower"


@pytest.mark.parametrize(
    "name", ["accuracy", "ndcg", "hit_rate", "tokens_per_sec", "f1", "val_acc", "tok_per_s", "conversions"]
)
def test_higher(name: str) -> None:
    assert direction_of(name) == "higher"


@pytest.mark.parametrize("name", ["zork", "x", "", "_", "alpha_beta"])
def test_a_name_that_says_nothing_gets_no_direction(name: str) -> None:
    assert direction_of(name) is None
    assert suggest.suggest_direction(name) is None


def test_budget(tmp_path: Path) -> None:
    lay_out(tmp_path, {"train.py": "", "prepare.py": "TIME_BUDGET = 600  # seconds\n", "other.py": ""})
    assert suggest.suggest_budget(tmp_path, "train.py") == suggest.Suggestion(
        "10m", "prepare.py says TIME_BUDGET = 600"
    )
    assert suggest.says_its_own_budget(tmp_path, "train.py")
    (tmp_path / "prepare.py").unlink()
    assert suggest.suggest_budget(tmp_path, "train.py").value == "5m"
    assert not suggest.says_its_own_budget(tmp_path, "train.py")


def test_a_huge_or_unreadable_folder_is_only_looked_at(tmp_path: Path) -> None:
    (tmp_path / "binary.py").write_bytes(bytes(range(256)) * 10)
    for number in range(50):
        (tmp_path / f"d{number}").mkdir()
    assert suggest.suggest_edit(tmp_path) is not None
    assert suggest.suggest_metric(tmp_path, "binary.py") is None
    assert suggest.suggest_edit(tmp_path / "nowhere") is None
