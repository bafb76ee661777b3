"""The retrieval example: fair queries, a scorer that believes nothing, labels that a run cannot see."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from overnight.runs.sandbox import find_sandbox
from tests.examples.imported import imported
from tests.system.conftest import Project

FOLDER = Path(__file__).parents[2] / "examples" / "retrieval"


@pytest.fixture
def prepare(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return imported(FOLDER, "prepare", monkeypatch)


@pytest.fixture
def retrieve(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return imported(FOLDER, "retrieve", monkeypatch)


@pytest.fixture
def score(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return imported(FOLDER, "score", monkeypatch)


# prepare.py

LIBRARY = {
    "shelf.py": '''"""Keep objects in a file between two runs of a program.

See dump() for one object alone, and :func:`~box.pack` for many."""

def open(filename, *, flag="c"):
    """Open a persistent dictionary on disk.  It is made if there is none; `flag` says whether it may be written to."""

def dump(thing, file): "Write a thing to an open file. It must be one of the kinds that can be written, see open()."

def _hidden(): "Do something that nobody is told about. Not a word of this is to be found anywhere."
''',
    "box.py": '''class Box:
    """A container that has a lid and a size.

    Things are put in and taken out again until it is full."""
    def __init__(self, size): ...
    def put_in(self, thing): "Use put_in() to add a thing to the contents. It goes on top of all the others in there."

def pack(things):
    "Write a thing to an open file. But this one takes many at once, and it is not the same as Box()."
''',
    "box/_private.py": '"""A module that nobody should look at. There are words enough in here for a query."""',
    "tests/test_box.py": '"""A module that nobody should look at. There are words enough in here for a query."""',
}


@pytest.fixture
def library(prepare: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """prepare.py, and a library so small that all of it can be looked at."""
    for name, text in LIBRARY.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(prepare, "FOLDER", tmp_path)
    return prepare


def test_a_document_is_a_docstring_without_the_sentence_that_is_asked(library: ModuleType) -> None:
    documents, queries, labels = library.problem(library.entries())
    names = ["box.Box", "box.Box.put_in", "box.pack", "shelf", "shelf.dump", "shelf.open"]
    assert [document["name"] for document in documents] == names
    text = "Things are put in and taken out again until it is full."
    assert documents[0] == {"name": "box.Box", "parameters": "size", "text": text}
    assert {query["text"] for query in queries} == {
        "A container that has a lid and a size.",
        "Keep objects in a file between two runs of a program.",
        "Open a persistent dictionary on disk.",
        "Write a thing to an open file.",
    }  # and not the one that names itself, which would be found by its name
    assert sum(map(len, labels.values())) == len(queries)
    assert not any(query["text"] in document["text"] for query in queries for document in documents)


def test_right_is_where_a_sentence_comes_from_and_related_is_what_that_refers_to(library: ModuleType) -> None:
    documents, queries, labels = library.problem(library.entries())
    grades = {
        queries[int(query)]["text"]: {documents[int(document)]["name"]: grade for document, grade in each.items()}
        for split in labels.values()
        for query, each in split.items()
    }
    assert grades["Keep objects in a file between two runs of a program."] == {
        **{"shelf": 2, "shelf.dump": 1, "box.pack": 1}
    }
    assert grades["A container that has a lid and a size."] == {"box.Box": 2}
    both = {"box.pack": 2, "shelf.dump": 2, "box.Box": 1, "shelf.open": 1}
    assert grades["Write a thing to an open file."] == both


def test_a_modules_name_decides_the_split_of_its_queries_for_good(prepare: ModuleType) -> None:
    names = ("abc", "ast", "functools", "asyncio.tasks", "os")
    assert [prepare.split_of(name) for name in names] == ["train", "held_out", "validation", "train", "validation"]


# retrieve.py

DOCUMENTS = [
    {"name": "os.path.getsize", "parameters": "filename", "text": "The size in bytes, as stat says it is."},
    {"name": "http.Request.get_header", "parameters": "header_name default", "text": "Names are compared in any case."},
    {"name": "mailbox.Mailbox", "parameters": "path factory", "text": "A folder full of messages, each with headers."},
]


def found(retrieve: ModuleType, text: str) -> list[int]:
    (ranking,) = retrieve.rankings(DOCUMENTS, [{"text": text}])
    return list(ranking)


def test_it_finds_what_has_the_words_and_nothing_that_has_none(retrieve: ModuleType) -> None:
    assert found(retrieve, "how many bytes") == [0]
    assert found(retrieve, "messages of this size or path")[0] == 2
    assert found(retrieve, "nothing whatever") == []


def test_bm25_is_what_the_books_say(retrieve: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieve, "COMMONEST", 1.0)
    index = retrieve.Index([{"name": "", "parameters": "", "text": text} for text in ("cat cat dog", "dog")])
    (place,) = [number for term, number in index.numbers.items() if term == "cat"]
    idf = math.log(1 + (2 - 1 + 0.5) / (1 + 0.5))
    expected = idf * 2 * (1.2 + 1) / (2 + 1.2 * (1 - 0.75 + 0.75 * 3 / 2))
    assert index.weights[index.starts[place]] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("setting", "value", "query"),
    [
        ("SPLIT_NAMES", True, "header"),
        ("STEMMING", "plural", "message"),
        ("STEMMING", "endings", "sizing"),
        ("TEXT_WEIGHT", 0.0, "filename"),
    ],
)
def test_its_settings_do_what_they_say(
    retrieve: ModuleType, monkeypatch: pytest.MonkeyPatch, setting: str, value: object, query: str
) -> None:
    before = found(retrieve, query)
    monkeypatch.setattr(retrieve, setting, value)
    after = found(retrieve, query)
    assert (before != after) == (setting != "TEXT_WEIGHT")
    assert after


# score.py


def test_ndcg_is_one_for_the_best_order_and_less_for_any_other(score: ModuleType) -> None:
    grades = {7: 2, 3: 1}
    assert score.ndcg([7, 3], grades) == 1
    assert score.ndcg([7], grades) == pytest.approx(3 / (3 + 1 / math.log2(3)))
    assert score.ndcg([3, 7], grades) == pytest.approx((1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3)))
    assert score.ndcg([1, 2, 4], grades) == score.ndcg([], grades) == 0
    many = dict.fromkeys(range(20), 2)
    assert score.ndcg(list(range(10)), many) == pytest.approx(1)


@pytest.mark.parametrize(
    ("rankings", "reason"),
    [
        ([[1]], "an entry for each of the 2 queries"),
        ({"0": [1], "1": [2]}, "an entry for each of the 2 queries"),
        ([[1], [2, 2]], "query 1 lists a document twice"),
        ([[1], [50]], "no number from 0 to 49"),
        ([[1], [-1]], "no number from 0 to 49"),
        ([[True], [2]], "no number from 0 to 49"),
        ([[1.0], [2]], "no number from 0 to 49"),
        ([[math.nan], [2]], "no number from 0 to 49"),
        ([[1], list(range(11))], "at most 10 documents"),
        ([[1], "23"], "at most 10 documents"),
    ],
)
def test_broken_rankings_are_named_not_scored(score: ModuleType, tmp_path: Path, rankings: object, reason: str) -> None:
    path = tmp_path / "rankings.json"
    path.write_text(json.dumps(rankings))
    with pytest.raises(score.BrokenRankingsError, match=re.escape(reason)):
        score.read_rankings(path, queries=2, documents=50)


@pytest.mark.parametrize("content", [None, b"", b"[[1], [2", b"\xff\xfe", b"[" * 100_000, b"[" + b" " * 5_000_000])
def test_a_file_that_holds_no_rankings_is_broken(score: ModuleType, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "rankings.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(score.BrokenRankingsError, match=r"rankings\.json (is not JSON|is over)|there is no .*rankings"):
        score.read_rankings(path, queries=2, documents=50)


# The whole of it


@pytest.fixture
def example(tmp_path: Path) -> Project:
    """The example in a checkout of its own, on one package of the library: runs are then over in no time."""
    project = Project(tmp_path / "retrieval")
    shutil.copytree(FOLDER, project.folder, ignore=shutil.ignore_patterns("data", "labels", "artifacts", "__pycache__"))
    prepare = (project.folder / "prepare.py").read_text()
    project.write("prepare.py", prepare.replace('get_path("stdlib"))', 'get_path("stdlib")) / "asyncio"'))
    goal = (project.folder / "goal.md").read_text()
    project.write("goal.md", goal.replace("python ", f"{sys.executable} "))
    project.git("init", "-q", "-b", "main")
    project.commit("start")
    return project


def python(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    command, env = [sys.executable, *arguments], {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    env.pop("OVERNIGHT_ARTIFACTS", None)
    return subprocess.run(command, cwd=project.folder, env=env, capture_output=True, text=True, check=False, timeout=60)


AGENT = """if grep -q "^# Experiment 3" "$OVERNIGHT_BRIEF"
then sed -i "s/^SPLIT_NAMES = .*/SPLIT_NAMES = True/" retrieve.py
else sed -i "s/^def main.*/&\\n    open('labels\\/validation.json')/" retrieve.py
fi"""


def test_a_short_night(example: Project) -> None:
    assert python(example, "prepare.py").returncode == 0
    assert example.git("status", "--porcelain") == ""
    example.ok("run", "--experiments", "2")
    example.ok("run", "--experiments", "4", "--agent", AGENT)
    baseline, *searched, better, cheat = example.log()
    assert (baseline["verdict"], baseline["runs"]) == ("baseline", 3)
    assert {record["verdict"] for record in searched} <= {"keep", "discard"}
    assert [record["runs"] for record in searched] == [1, 1]  # it is exact
    assert better["verdict"] == "keep"
    assert 0.1 < baseline["metric"] < better["metric"] < 1
    if find_sandbox() is not None:
        assert (cheat["verdict"], cheat["reason"]) == ("crash", "the run stopped with exit code 1")
    assert "as `" in example.ok("verify")


def test_the_scripts_end_with_one_sentence_and_exit_code_1(example: Project) -> None:
    for script in ("retrieve.py", "score.py"):
        told = python(example, script)
        assert (told.returncode, told.stdout) == (1, "")
        assert re.fullmatch(rf"{script}: there is no .*; run `python prepare.py` first\n", told.stderr)
    assert python(example, "prepare.py").returncode == 0
    scored = python(example, "score.py")
    assert (scored.returncode, scored.stdout) == (1, "")
    assert re.fullmatch(r"score\.py: there is no .*rankings\.json; .*\n", scored.stderr)
