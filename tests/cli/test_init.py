from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from typer.testing import CliRunner

from overnight.cli.init import init
from overnight.errors import OvernightError
from overnight.fleet.shares import shares_here
from overnight.goal.settings import Settings
from overnight.goal.write import goal_text

PROGRAM = Path(__file__).parents[1] / "goal" / "fixtures" / "program.md"
TRAIN = 'print("---")\nprint(f"val_bpb: {0.9:.6f}")\nprint(f"training_seconds: {1.0:.1f}")\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {"train.py": TRAIN, "prepare.py": "", "uv.lock": ""}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def overnight_init(*args: str, answers: str = "") -> tuple[int, str]:
    """Exit code and everything printed, with errors turned into messages as the real program does."""
    app = typer.Typer()
    app.command()(init)
    result = CliRunner().invoke(app, args, input=answers)
    if isinstance(result.exception, OvernightError):
        return 2, f"{result.output}{result.exception}"
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def front_matter(path: Path) -> dict[str, object]:
    front, _ = split(path)
    settings: dict[str, object] = YAML(typ="safe", pure=True).load(front)
    Settings.model_validate(settings)
    return settings


def split(path: Path) -> tuple[str, str]:
    found = re.fullmatch(r"---\n(.*?)\n---\n\n(.*)", path.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1], found[2]


EVERYTHING = {
    "edit": "train.py",
    "run": "uv run train.py",
    "metric": "val_bpb",
    "direction": "lower",
    "budget": "5m",
    "agent": "search",
    "stop": {"experiments": 100},
}


def test_enter_five_times_takes_every_suggestion(project: Path) -> None:
    code, output = overnight_init(answers="\n" * 5)
    assert code == 0, output
    assert front_matter(project / "goal.md") == EVERYTHING
    assert "[train.py]  it stands next to prepare.py" in output
    assert "[uv run train.py]  the project uses uv" in output
    assert "[val_bpb lower]  train.py prints it" in output
    assert "overnight check" in output
    assert "get the lowest `val_bpb`" in split(project / "goal.md")[1]


def test_how_long_a_hundred_runs_take_is_said_of_the_budget_that_was_given(project: Path) -> None:
    assert "8 h 20 min of runs at most" in overnight_init("--yes")[1]
    assert "8 min 20 s of runs at most" in overnight_init("--yes", "--force", "--budget", "5s")[1]


def test_every_line_says_what_it_is(project: Path) -> None:
    overnight_init("--yes")
    front, _ = split(project / "goal.md")
    assert all(re.search(r"\S {2,}# \w", line) for line in front.splitlines())


def test_a_machine_with_room_for_several_runs_is_hinted_at(project: Path) -> None:
    overnight_init("--yes")
    assert ("# slots: auto" in split(project / "goal.md")[0]) is (len(shares_here("auto")) > 1)
    text = goal_text({"edit": "x", "run": "y", "metric": "z"}, "English.", slots=8)
    assert "\n# slots: auto  # 8 runs at a time; `overnight check --slots auto` says if that is fair\n---\n" in text
    (project / "hinted.md").write_text(text)
    assert front_matter(project / "hinted.md") == {"edit": "x", "run": "y", "metric": "z"}
    (project / "hinted.md").write_text(text.replace("# slots: auto  #", "slots: auto  #"))
    assert front_matter(project / "hinted.md")["slots"] == "auto"


def test_the_answers_are_what_is_written(project: Path) -> None:
    (project / "fast.py").write_text("")
    answers = "Make it quick.\nfast.py\nnode 'a b.js' # \"x\": {y}\nops_per_min, higher\n1h30m\n"
    code, output = overnight_init(answers=answers)
    assert code == 0, output
    assert front_matter(project / "goal.md") == EVERYTHING | {
        "edit": "fast.py",
        "run": "node 'a b.js' # \"x\": {y}",
        "metric": "ops_per_min",
        "direction": "higher",
        "budget": "90m",
    }
    assert split(project / "goal.md")[1] == "Make it quick.\n"


def test_the_goal_in_your_words_changes_what_is_suggested(project: Path) -> None:
    code, output = overnight_init(answers="Minimize `training_seconds`. Each run gets 30s.\n\n\n\n\n")
    assert code == 0, output
    assert "[training_seconds lower]  your goal says so" in output
    settings = front_matter(project / "goal.md")
    assert (settings["metric"], settings["budget"]) == ("training_seconds", "30s")


def test_a_name_that_does_not_say_its_direction_is_asked_about(project: Path) -> None:
    code, output = overnight_init(answers="x\n\n\nzork\nhigher\n\n")
    assert code == 0, output
    assert "Is a lower or a higher zork better?" in output
    assert front_matter(project / "goal.md")["direction"] == "higher"


def test_flags_are_not_asked_for(project: Path) -> None:
    flags = [
        "--goal",
        "g",
        "--edit",
        "train.py, prepare.py",
        "--run",
        "make",
        "--metric",
        "zork",
        "--direction",
        "higher",
    ]
    code, output = overnight_init(*flags, "--budget", "90", "--agent", "claude")
    assert code == 0, output
    assert "?" not in output
    assert front_matter(project / "goal.md") == EVERYTHING | {
        "edit": ["train.py", "prepare.py"],
        "run": "make",
        "metric": "zork",
        "direction": "higher",
        "budget": "90s",
        "agent": "claude",
    }


def test_a_scorer_in_the_folder_is_used_and_its_metric_suggested(project: Path) -> None:
    (project / "score.py").write_text('print(f"ndcg: {1}")')
    code, output = overnight_init("--yes")
    assert code == 0, output
    settings = front_matter(project / "goal.md")
    assert settings["score"] == "uv run score.py"
    assert (settings["metric"], settings["direction"]) == ("ndcg", "higher")


def test_a_scorer_that_has_nothing_to_do_with_the_metric_is_left_out(project: Path) -> None:
    (project / "score.py").write_text('print(f"ndcg: {1}")')
    overnight_init("--yes", "--metric", "val_bpb")
    assert "score" not in front_matter(project / "goal.md")


def test_a_script_with_its_own_clock_gets_room_for_start_up(project: Path) -> None:
    (project / "prepare.py").write_text("TIME_BUDGET = 60\n")
    overnight_init("--yes")
    settings = front_matter(project / "goal.md")
    assert (settings["budget"], settings["kill_at"]) == ("1m", "2m")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--edit", "trian.py"], "--edit: there is no file trian.py here; did you mean train.py?"),
        (["--edit", "../train.py"], "--edit: ../train.py must be a file inside"),
        (["--edit", "."], "--edit: . is a folder"),
        (["--edit", "*.rs"], "--edit: no file matches '*.rs'"),
        (["--edit", "**.py"], "--edit: '**.py' is no pattern; `**` stands for whole folders"),
        (["--run", ""], "--run: it must not be empty"),
        (["--metric", "val bpb"], "--metric: 'val bpb' is not a metric's name"),
        (["--metric", "zork"], "give it with --direction"),
        (["--direction", "up"], "--direction: it must be 'lower' or 'higher', not 'up'"),
        (["--budget", "soon"], "--budget: cannot read 'soon' as a length of time"),
        (["--budget", "0s"], "--budget: a length of time must be more than zero"),
        (["--agent", ""], "--agent: it must not be empty"),
        (["--from", "nowhere.md"], "--from: there is no file nowhere.md"),
        (["nowhere"], "there is no folder nowhere"),
    ],
)
def test_every_mistake_is_one_clear_sentence(project: Path, flags: list[str], message: str) -> None:
    code, output = overnight_init("--yes", *flags)
    assert code == 2
    assert message in output
    assert not (project / "goal.md").exists()


@pytest.mark.parametrize("flag", ["--edit", "--metric"])
def test_yes_names_the_flag_for_what_nothing_suggests(tmp_path: Path, flag: str) -> None:
    (tmp_path / "train.py").write_text("")
    folder = tmp_path if flag == "--metric" else tmp_path / "empty"
    folder.mkdir(exist_ok=True)
    code, output = overnight_init(str(folder), "--yes")
    assert code == 2
    assert f"give it with {flag}" in output


@pytest.mark.parametrize("answers", ["", "goal\n", "goal\n\n\n"])
def test_answers_that_end_early_are_an_error_and_write_nothing(project: Path, answers: str) -> None:
    code, output = overnight_init(answers=answers)
    assert code == 2
    assert "the answers ended here, and nothing was written" in output
    assert not (project / "goal.md").exists()


def test_a_wrong_answer_that_was_piped_in_is_an_error(project: Path) -> None:
    code, output = overnight_init(answers="goal\nnope.py\n")
    assert code == 2
    assert "there is no file nope.py here" in output


def test_a_goal_that_exists_is_written_over_only_by_force(project: Path) -> None:
    (project / "goal.md").write_text("mine")
    code, output = overnight_init("--yes")
    assert code == 2
    assert "--force" in output
    assert (project / "goal.md").read_text() == "mine"
    assert overnight_init("--yes", "--force")[0] == 0
    assert front_matter(project / "goal.md") == EVERYTHING


def test_from_shows_the_sentences_and_asks(project: Path) -> None:
    (project / "program.md").write_text(PROGRAM.read_text())
    code, output = overnight_init("--from", "program.md", answers="\n")
    assert code == 0, output
    assert re.search(r"line \d+: “The goal is simple: get the lowest val_bpb.”", output)
    assert "Write goal.md? [Y/n]" in output
    assert "~/.cache/nightly is not there yet" in output
    assert front_matter(project / "goal.md") == EVERYTHING | {"kill_at": "10m", "read": ["~/.cache/nightly"]}


def test_from_keeps_the_document_word_for_word_under_a_line_that_takes_the_loop_away(project: Path) -> None:
    overnight_init("--from", str(PROGRAM), "--yes")
    english = split(project / "goal.md")[1]
    assert english.startswith("> Make one change to `train.py` and stop")
    assert english.endswith(PROGRAM.read_text())


def test_a_document_that_gives_no_orders_gets_no_such_line(project: Path) -> None:
    text = "Edit only `train.py`. Get the lowest val_bpb. Run `python train.py`."
    (project / "wish.md").write_text(text)
    assert overnight_init("--from", "wish.md", "--yes", "--goal", "First of all: be bold.")[0] == 0
    assert split(project / "goal.md")[1] == f"First of all: be bold.\n\n{text}\n"


def test_no_means_nothing_is_written(project: Path) -> None:
    code, output = overnight_init("--from", str(PROGRAM), answers="n\n")
    assert code == 0
    assert "Nothing was written." in output
    assert not (project / "goal.md").exists()


def test_from_without_an_answer_is_an_error(project: Path) -> None:
    code, output = overnight_init("--from", str(PROGRAM))
    assert code == 2
    assert "give --yes" in output


def test_flags_go_before_what_the_document_says(project: Path) -> None:
    overnight_init("--from", str(PROGRAM), "--yes", "--budget", "20m", "--run", "python train.py")
    settings = front_matter(project / "goal.md")
    assert (settings["budget"], settings["run"]) == ("20m", "python train.py")
    assert "kill_at" not in settings


def test_what_the_document_does_not_say_is_asked(project: Path) -> None:
    (project / "wish.md").write_text("Edit only `train.py`.")
    code, output = overnight_init("--from", "wish.md", answers="\n\n\ny\n")
    assert code == 0, output
    assert "Which file" not in output
    assert front_matter(project / "goal.md") == EVERYTHING


def test_a_file_that_the_document_names_and_the_folder_lacks_is_said(project: Path) -> None:
    (project / "wish.md").write_text("Edit only `model.py`.")
    code, output = overnight_init("--from", "wish.md", "--yes")
    assert code == 0, output
    assert "Line 1 says edit: model.py, but there is no file model.py here" in output
    assert front_matter(project / "goal.md")["edit"] == "train.py"


def test_a_goal_of_english_alone_becomes_one_with_settings(project: Path) -> None:
    (project / "goal.md").write_text("Get the lowest val_bpb. Edit only `train.py`.\n")
    code, output = overnight_init("--from", "goal.md", "--yes")
    assert code == 0, output
    assert front_matter(project / "goal.md") == EVERYTHING
    assert split(project / "goal.md")[1] == "Get the lowest val_bpb. Edit only `train.py`.\n"
    code, output = overnight_init("--from", "goal.md", "--yes")
    assert code == 2
    assert "begins with settings" in output


def test_a_document_that_is_not_text(project: Path) -> None:
    (project / "x.md").write_bytes(b"\xff\xfe\x00")
    code, output = overnight_init("--from", "x.md", "--yes")
    assert code == 2
    assert "not a UTF-8 text file" in output


def test_outside_git_it_says_so(project: Path) -> None:
    assert "not a git repository" in overnight_init("--yes")[1]
    (project / ".git").mkdir()
    output = overnight_init("--yes", "--force")[1]
    assert "git repository" not in output
    assert "overnight run\n" in output


def test_another_folder_than_the_one_you_are_in(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.parent)
    code, output = overnight_init(project.name, "--yes")
    assert code == 0, output
    assert f"cd {project.name}" in output
    assert (project / "goal.md").exists()
    assert sorted(path.name for path in project.iterdir()) == ["goal.md", "prepare.py", "train.py", "uv.lock"]


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"])), st.lists(st.text(st.characters(codec="utf-8")))
)
def test_any_command_survives_being_written(run: str, read: list[str]) -> None:
    text = goal_text({"edit": "x", "run": run, "read": read, "budget": "5m"}, "English.")
    front = text.removeprefix("---\n").rsplit("\n---\n", 1)[0]
    assert YAML(typ="safe", pure=True).load(front) == {"edit": "x", "run": run, "read": read, "budget": "5m"}


FOREIGN = PROGRAM.parent / "foreign"


def test_a_problem_in_another_format_is_shown_and_written_into_its_own_folder(project: Path) -> None:
    shutil.copytree(FOREIGN / "openevolve", project / "theirs")
    code, output = overnight_init("--from", "theirs", answers="n\n")
    assert code == 0
    assert "From theirs, an OpenEvolve example:" in output
    assert "config.yaml, line 11: “timeout: 30”" in output
    assert "Nothing was written." in output
    code, output = overnight_init("--from", "theirs", "--budget", "2m", answers="y\n")
    assert code == 0, output
    settings = front_matter(project / "theirs" / "goal.md")
    assert (settings["metric"], settings["budget"], settings["stop"]) == ("combined_score", "2m", {"experiments": 50})
    assert split(project / "theirs" / "goal.md")[1].startswith("You know parcel networks.")
    code, output = overnight_init("--from", "theirs", "--yes")
    assert code == 2
    assert "goal.md exists already" in output


def test_what_a_format_does_not_say_is_asked(project: Path) -> None:
    shutil.copytree(FOREIGN / "script", project / "theirs")
    code, output = overnight_init("--from", "theirs", answers="table.awk\n\ny\n")
    assert code == 0, output
    assert "Which file may be changed?" in output
    assert "get the lowest `table_bytes`" in split(project / "theirs" / "goal.md")[1]


def test_a_folder_with_a_program_md_is_read_as_the_document(project: Path) -> None:
    shutil.copytree(FOREIGN / "autoresearch", project / "theirs")
    code, output = overnight_init("--from", "theirs", "--yes")
    assert code == 0, output
    assert "From theirs, an autoresearch project:" in output
    assert "line 8: “Start a run with `python train.py`.”" in output
    assert "that is done for you" in split(project / "theirs" / "goal.md")[1]


def test_one_script_may_be_named_instead_of_a_folder(project: Path) -> None:
    shutil.copytree(FOREIGN / "script", project, dirs_exist_ok=True)
    code, output = overnight_init("--from", "measure.sh", "--edit", "table.awk", "--yes")
    assert code == 0, output
    assert front_matter(project / "goal.md")["run"] == "bash measure.sh"
    code, output = overnight_init("--from", str(FOREIGN / "script" / "measure.sh"), "--force")
    assert code == 2
    assert "name the project's folder" in output


def test_a_problem_that_is_none_or_belongs_elsewhere_is_refused(project: Path) -> None:
    (project / "other").mkdir()
    code, output = overnight_init("--from", "other")
    assert code == 2
    assert "is in no format that is known here" in output
    code, output = overnight_init("other", "--from", str(FOREIGN / "pi"))
    assert code == 2
    assert "belongs there; leave other out" in output
