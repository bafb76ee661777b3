"""goal.md as a whole: every mistake at once, each with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from overnight.errors import GoalError
from overnight.goal.document import Goal

GOOD = """---
edit: train.py   # the file
run: python train.py
metric: loss
stop: {experiments: 3}
---
Make it *better*.

---
A rule in the text is no front matter.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text("print('loss: 1')\n")
    return tmp_path


def read(folder: Path, text: str | bytes) -> Goal:
    path = folder / "goal.md"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Goal.read(path)


def mistakes(folder: Path, text: str | bytes) -> list[str]:
    with pytest.raises(GoalError) as caught:
        read(folder, text)
    return caught.value.mistakes


def test_settings_english_and_lines(folder: Path) -> None:
    goal = read(folder, GOOD)
    assert goal.settings.edit == ("train.py",)
    assert goal.settings.stop.experiments == 3
    assert goal.english == "Make it *better*.\n\n---\nA rule in the text is no front matter.\n"
    assert goal.text == GOOD
    assert goal.at("metric") == "goal.md:4"
    assert goal.at("agent") == "goal.md:1"
    assert goal.folder == folder


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        "\n \n" + GOOD,
        GOOD.split("---\nMake", maxsplit=1)[0] + "---",
    ],
)
def test_other_line_ends_a_byte_order_mark_blank_lines_and_no_english(folder: Path, text: str) -> None:
    goal = read(folder, text)
    assert goal.settings == read(folder, GOOD).settings
    assert text.splitlines()[int(goal.at("metric").split(":")[1]) - 1] == "metric: loss"


def test_every_mistake_is_said_at_once_with_its_line(folder: Path) -> None:
    found = mistakes(
        folder,
        "---\nedit: trian.py\nmetrik: loss\nmetric: loss\nbudget: soon\ndirection: up\n"
        "stop:\n  hour: 8\n  experiments: -1\n---\n",
    )
    assert [line.split(": ")[0] for line in found] == [
        "goal.md:1", "goal.md:2", "goal.md:3", "goal.md:5", "goal.md:6", "goal.md:8", "goal.md:9",
    ]  # fmt: skip
    for line, words in zip(
        found,
        (
            "`run` is missing; add a line such as `run: python train.py`",
            "there is no file 'trian.py'; did you mean 'train.py'?",
            "`metrik` is not a setting; did you mean `metric`?",
            "cannot read 'soon' as a length of time; write 90s, 5m, 1h30m or 7d",
            "`direction` must be 'lower' or 'higher', not 'up'",
            "`stop.hour` is not a setting; did you mean `hours`?",
            "greater than 0",
        ),
        strict=True,
    ):
        assert words in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Just English.\n", "goal.md:1: there are no settings at the top"),
        ("---\nedit: train.py\n", "goal.md:1: the front matter opens with --- but never ends"),
        ("---\n- edit\n---\n", "must be lines of `key: value`"),
        ("---\n---\n", "`edit` is missing"),
        ("---\nrun: a: b\n---\n", "goal.md:2: the front matter is not valid YAML"),
        (b"---\nedit: \xff\xfe\n---\n", "not a UTF-8 text file"),
        (GOOD.replace("edit: train.py", "edit: ../train.py"), "is outside the folder of the goal"),
        (GOOD.replace("edit: train.py", "edit: src/*.py"), "no file matches 'src/*.py'"),
        (GOOD.replace("edit: train.py", "edit: ."), "is a folder; name a file"),
        (GOOD.replace("edit: train.py", "edit: []"), "`edit` is empty; write what it shall be"),
        (GOOD.replace("edit: train.py", "edit: train.py, a.py"), "several are a list: [train.py, a.py]"),
        (GOOD.replace("edit: train.py", 'edit: "**.py"'), "`**` stands for whole folders, as in `src/**/*.py`"),
        (GOOD.replace("{experiments: 3}", "3"), "goal.md:5: `stop` must be `key: value` in braces, or lines of them"),
        (GOOD.replace("{experiments: 3}", ""), "goal.md:5: `stop` is empty; write what it shall be, or take the line"),
        (GOOD.replace("{experiments: 3}", "{hours: 8h}"), "goal.md:5: `stop.hours` must be a number, not '8h'"),
        (GOOD.replace("metric: loss", "metric: 3"), "`metric` must be text, not 3; if that is meant, put it in quotes"),
        (GOOD.replace("run: python train.py", 'run: "a\\0b"'), "goal.md:3: `run`: there is a null byte in it"),
        (
            GOOD.replace("---\nMake", 'guards: [a, "a\\0b"]\n---\nMake'),
            "goal.md:6: `guards`: there is a null byte in it",
        ),
        ("\n" + GOOD.replace("loss", "{a: b"), "goal.md:6: the front matter is not valid YAML"),
        ("---\nedit: train.py\nrun: x\nmetric: loss\nnotify: 3\n---\n", "goal.md:5: `notify` must be a list"),
        (GOOD.replace("metric:", "fleet: kubernetes\nmetric:"), "goal.md:4: `fleet`: there is no fleet 'kubernetes'"),
        (GOOD.replace("metric:", "fleet: kubernetes\nmetric:"), "built in are local, ray, slurm; no installed package"),
        (GOOD.replace("metric:", "judge: careful\nmetric:"), "there is no judge 'careful' here; no installed package"),
        (GOOD.replace("metric:", "slots: 0\nmetric:"), "goal.md:4: `slots`: write how many runs are made at a time"),
        (GOOD.replace("metric:", "slots: {gpu: [0]}\nmetric:"), "or GPUs, as {gpus: [0, 1]}; not {'gpu': [0]}"),
        (GOOD.replace("metric:", "slots: {gpus: [1, 1]}\nmetric:"), "`slots`: a GPU stands there twice"),
    ],
)
def test_what_cannot_be_used(folder: Path, text: str | bytes, words: str) -> None:
    assert words in "\n".join(mistakes(folder, text))


def test_globs_and_lists(folder: Path) -> None:
    (folder / "model.py").touch()
    assert read(folder, GOOD.replace("edit: train.py", "edit: [train.py, m*.py]")).settings.edit == (
        "train.py",
        "m*.py",
    )


def test_what_is_wrong_where_people_decide_leads_to_its_own_settings(folder: Path) -> None:
    live = "live:\n  deploy: x\n  windw: 7d\n  min_samples: lots\n"
    assert mistakes(folder, GOOD.replace("run: python train.py\n", live)) == [
        "goal.md:3: `live.measure` is missing; add a line such as `measure: python measure.py` below `live:`",
        "goal.md:3: `live.window` is missing; add a line such as `window: 7d` below `live:`",
        "goal.md:5: `live.windw` is not a setting; did you mean `window`?",
        "goal.md:6: `live.min_samples` must be a whole number, not 'lots'",
    ]


def test_a_missing_file_and_a_folder(folder: Path) -> None:
    for path, words in ((folder / "gaol.md", "there is no gaol.md"), (folder, "is a folder; name the goal file in it")):
        with pytest.raises(GoalError, match=words):
            Goal.read(path)
