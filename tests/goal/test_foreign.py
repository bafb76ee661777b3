"""Problems in other people's formats: what is read out of a folder, and what is not taken for one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from overnight import bridge
from overnight.errors import OvernightError
from overnight.goal.foreign import Problem, recognise

FIXTURES = Path(__file__).parent / "fixtures" / "foreign"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder to put a problem into."""
    return tmp_path / "problem"


def of(folder: Path) -> tuple[Problem, dict[str, object]]:
    """The problem and its settings."""
    problem = recognise(folder)
    assert problem is not None
    return problem, {key: found.value for key, found in problem.said.items()}


def test_openevolve(copy: Path) -> None:
    shutil.copytree(FIXTURES / "openevolve", copy)
    problem, settings = of(copy)
    assert problem.kind == "an OpenEvolve example"
    assert str(settings.pop("score")).endswith(' openevolve evaluator.py "$OVERNIGHT_ARTIFACTS"/initial_program.py')
    assert settings == {
        "edit": "initial_program.py",
        "run": 'cp initial_program.py "$OVERNIGHT_ARTIFACTS"',
        "metric": "combined_score",
        "direction": "higher",
        "budget": 30,
        "stop.experiments": 50,
    }
    assert problem.said["budget"].why == "config.yaml, line 11: “timeout: 30”"
    assert problem.said["edit"].why.endswith("only inside its EVOLVE-BLOCKs")
    assert problem.english.startswith("You know parcel networks.")


@pytest.mark.parametrize(
    ("config", "english", "budget"),
    [
        ("", "", None),
        ("prompt:\n  system_prompt: Do it well.\n", "Do it well.", None),
        ("system_message: Do it.\nevaluator:\n  timeout: 0.5\n", "Do it.", 0.5),
        ("prompt:\n  system_message: evaluator_system_message\n", "", None),
        ("prompt: [1, 2\n", "", None),
        ("prompt: 3\nevaluator:\n  timeout: soon\nmax_iterations: true\n", "", None),
        ("- a list\n", "", None),
        ("x: &x {timeout: 9}\nevaluator:\n  <<: *x\n", "", 9),
    ],
)
def test_a_config_may_be_old_or_odd_or_not_there(copy: Path, config: str, english: str, budget: float | None) -> None:
    shutil.copytree(FIXTURES / "openevolve", copy)
    (copy / "config.yaml").rename(copy / "config_phase_1.yaml")
    (copy / "config_phase_1.yaml").write_text(config)
    problem, settings = of(copy)
    assert (problem.english, settings.get("budget")) == (english, budget)
    assert "stop.experiments" not in settings


def test_a_program_need_not_be_in_python(copy: Path) -> None:
    shutil.copytree(FIXTURES / "openevolve", copy)
    (copy / "initial_program.py").rename(copy / "initial_program.rs")
    _, settings = of(copy)
    assert settings["edit"] == "initial_program.rs"


def test_an_evaluator_without_evaluate_is_none(copy: Path) -> None:
    shutil.copytree(FIXTURES / "openevolve", copy)
    (copy / "evaluator.py").write_text("class Evaluation:\n    def evaluate(self, path):\n        return {}\n")
    assert recognise(copy) is None


def test_shinka(copy: Path) -> None:
    shutil.copytree(FIXTURES / "shinka", copy)
    problem, settings = of(copy)
    assert problem.kind == "a ShinkaEvolve example"
    assert str(settings["score"]).endswith(' shinka evaluate.py "$OVERNIGHT_ARTIFACTS"/initial.py')
    assert (settings["metric"], settings["direction"]) == ("combined_score", "higher")
    assert problem.said["stop.experiments"].why == "shinka_small.yaml, line 4: “num_generations: 20”"
    assert problem.english == "You pack bags. Find what makes a thing attractive, so that\nthe bags are worth more."


@pytest.mark.parametrize(
    ("script", "english"),
    [
        ("EvolutionConfig(task_sys_msg='Pack better.')", "Pack better."),
        ("task_sys_msg = name", ""),
        ("def (", ""),
    ],
)
def test_the_message_of_a_script_that_is_only_read(copy: Path, script: str, english: str) -> None:
    shutil.copytree(FIXTURES / "shinka", copy)
    (copy / "run_evo.py").write_text(script)
    assert of(copy)[0].english == english


def test_a_message_in_yaml_goes_before_that_in_a_script(copy: Path) -> None:
    shutil.copytree(FIXTURES / "shinka", copy)
    (copy / "shinka.yaml").write_text("evo_config:\n  task_sys_msg: From YAML.\n")
    assert of(copy)[0].english == "From YAML."


def test_autoresearch(copy: Path) -> None:
    shutil.copytree(FIXTURES / "autoresearch", copy)
    problem, settings = of(copy)
    assert (problem.kind, problem.document, settings) == ("an autoresearch project", "program.md", {})
    (copy / "prepare.py").unlink()
    assert of(copy)[0].kind == "a project with a program.md"


def test_pi(copy: Path) -> None:
    shutil.copytree(FIXTURES / "pi", copy)
    problem, settings = of(copy)
    assert problem.kind == "a pi-autoresearch session"
    assert settings == {
        "run": "bash .auto/measure.sh",
        "guards": "bash .auto/checks.sh",
        "edit": "sorting.py",
        "metric": "comparisons",
        "direction": "lower",
        "stop.experiments": 40,
    }
    assert problem.said["metric"].why.startswith(".auto/prompt.md, line 7: “- **Primary**: `comparisons`")


def test_a_pi_session_in_the_older_layout_with_a_log_and_out_of_git(copy: Path) -> None:
    (copy / "src").mkdir(parents=True)
    (copy / "src" / "a.rs").write_text("")
    (copy / "autoresearch.sh").write_text("echo METRIC ns=1\n")
    (copy / "autoresearch.md").write_text(
        "## Files in Scope\n- `src/` — all\n- `../x.py`\n- `.`\n- `**a`\n- `/etc`\n## Off Limits\n- `b.py`\n"
    )
    (copy / "autoresearch.jsonl").write_text(
        '{"type":"config","metricName":"old"}\nno json\n'
        '{"type":"config","metricName":"ns","bestDirection":"lower"}\n{"run":1,"metric":3}\n'
    )
    (copy / ".gitignore").write_text("target\n/autoresearch.sh\n")
    _, settings = of(copy)
    assert settings == {
        "run": "bash autoresearch.sh",
        "edit": "src/**",
        "metric": "ns",
        "direction": "lower",
        "read": "autoresearch.sh",
    }


def test_a_script_that_prints_metric_lines(copy: Path) -> None:
    shutil.copytree(FIXTURES / "script", copy)
    problem, settings = of(copy)
    assert problem.kind == "a script that prints METRIC lines"
    assert settings == {"run": "bash measure.sh", "metric": "table_bytes"}
    (copy / "measure.sh").rename(copy / "measure")
    (copy / "measure").write_text("#!/bin/sh\necho METRIC a=1\necho METRIC b=2\n")
    assert of(copy)[1] == {"run": "sh ./measure"}, "which of two numbers decides is asked"
    (copy / "measure").chmod(0o755)
    assert of(copy)[1] == {"run": "./measure"}
    (copy / "bench.py").write_text("print('METRIC c=3')")
    with pytest.raises(OvernightError, match=r"several scripts .* print METRIC lines \(bench.py, measure\)"):
        recognise(copy)


def test_other_folders_are_none(tmp_path: Path) -> None:
    assert recognise(tmp_path) is None
    (tmp_path / "initial_program.py").write_text("")
    (tmp_path / "evaluate.py").write_text("")
    (tmp_path / "README.md").write_text("it prints METRIC x=1")
    assert recognise(tmp_path) is None


@pytest.mark.parametrize(("inside", "called"), [(True, "python -m overnight.bridge"), (False, "python /")])
def test_the_adapter_has_a_name_only_where_the_projects_python_has_overnight(
    copy: Path, monkeypatch: pytest.MonkeyPatch, inside: bool, called: str
) -> None:
    shutil.copytree(FIXTURES / "shinka", copy)
    bin_folder = copy / "venv" / "bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "python").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", str(bin_folder))
    monkeypatch.setattr(sys, "executable", str(bin_folder / "python"))
    monkeypatch.setattr(sys, "prefix", str(Path(bridge.__file__).parents[1] if inside else copy))
    assert str(of(copy)[1]["score"]).startswith(called)
