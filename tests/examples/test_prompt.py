"""The prompt example: a scorer that asks any server, believes no prompt, and keeps its mails and its key to itself."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from overnight.runs.sandbox import find_sandbox
from tests.examples.imported import imported
from tests.modelserver.script import Asked, Fail, Flood, Hang, Refuse, Respond, Say, Step
from tests.modelserver.server import ModelServer, serving
from tests.system.conftest import Project

FOLDER = Path(__file__).parents[2] / "examples" / "prompt"
KEY = "a-key-of-no-known-form-0123456789"
SPLITS = ("train", "validation", "held_out")


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return imported(FOLDER, "simulated_model", monkeypatch)


@pytest.fixture
def model(simulated: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return imported(FOLDER, "model", monkeypatch)


@pytest.fixture
def score(model: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return imported(FOLDER, "score", monkeypatch)


# The mails


def test_no_mail_is_in_two_splits_and_each_label_is_in_all(score: ModuleType) -> None:
    mails = [case["text"] for split in SPLITS for case in score.read_cases(split)]
    assert len(set(mails)) == len(mails) == 180
    for split, each in {"train": 8, "validation": 16, "held_out": 12}.items():
        labels = [case["label"] for case in score.read_cases(split)]
        assert {label: labels.count(label) for label in labels} == dict.fromkeys(score.LABELS, each)


# prompt.toml


def written(**changes: Any) -> str:
    """The example's prompt with other settings; None takes one away."""
    text = (FOLDER / "prompt.toml").read_text()
    for name, value in changes.items():
        line = "" if value is None else f"{name} = {json.dumps(value)}\n"
        text, found = re.subn(rf'^{name} = (""".*?"""|.*?)$\n', lambda _, line=line: line, text, flags=re.M | re.S)
        text = text if found else line + text
    return text


def test_a_request_holds_what_the_prompt_says(score: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "prompt.toml").write_text(
        written(examples=1, show_definitions=True, remind=True, order="mixed", instructions="{labels}? {definitions}")
    )
    prompt = score.read_prompt(tmp_path / "prompt.toml")
    solved = [{"text": f"{label} {n}", "label": label} for n in range(2) for label in ("return", "payment")]
    system, *turns, last = prompt.messages("Where is it?", solved)
    assert system["content"].startswith("payment, delivery, return, account, product? - payment: money")
    shown = [("user", "payment 0"), ("assistant", "payment"), ("user", "return 0"), ("assistant", "return")]
    assert [(turn["role"], turn["content"]) for turn in turns] == shown
    assert last["content"] == "Where is it?\n\nLabels: payment, delivery, return, account, product"
    bare = score.read_prompt(FOLDER / "prompt.toml")
    assert "{" not in bare.messages("Where is it?", [])[0]["content"]
    assert bare.messages("Where is it?", [])[-1]["content"] == "Where is it?"


def test_similar_mails_are_those_that_share_words(score: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "prompt.toml").write_text(written(pick="similar"))
    solved = [{"text": text, "label": "return"} for text in ("a red shoe", "my blue coat is torn", "nothing")]
    messages = score.read_prompt(tmp_path / "prompt.toml").messages("The blue coat came torn", solved)
    assert messages[1]["content"] == "my blue coat is torn"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"temperature": 5.6}, "temperature is '5.6'; allowed: (0, 2)"),
        ({"temperature": "hot"}, "temperature is 'hot'"),
        ({"examples": 2.5}, "examples is '2.5'"),
        ({"examples": True}, "examples is 'True'"),
        ({"examples": 9}, "examples is '9'; allowed: (0, 8)"),
        ({"pick": "held_out"}, "pick is 'held_out'; allowed: ('first', 'similar')"),
        ({"pick": ["first"]}, "pick is"),
        ({"remind": 1}, "remind is '1'"),
        ({"instructions": None}, "lacks 'instructions'"),
        ({"model": "a better one"}, "has an unknown 'model'"),
        ({"instructions": "x" * 60_000}, "over 50,000 bytes"),
    ],
)
def test_a_prompt_that_cannot_be_used_is_named(
    score: ModuleType, tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    (tmp_path / "prompt.toml").write_text(written(**changes))
    with pytest.raises(score.BrokenPromptError, match=re.escape(reason)):
        score.read_prompt(tmp_path / "prompt.toml")


@pytest.mark.parametrize(
    "content", [None, b"temperature = ", b"\xff\xfe", b"a = " + b"[" * 40_000, b"temperature = nan"]
)
def test_a_file_that_is_no_prompt_is_named(score: ModuleType, tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "prompt.toml").write_bytes(content)
    with pytest.raises(score.BrokenPromptError, match=r"prompt\.toml"):
        score.read_prompt(tmp_path / "prompt.toml")


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("payment", "payment"),
        (" Payment.\n", "payment"),
        ("This looks like a mail about **delivery**, I would say.", "delivery"),
        ("payment or delivery", None),
        ("payments", None),
        ("", None),
        ("I can't help with that request.", None),
    ],
)
def test_an_answer_counts_for_the_only_label_in_it(score: ModuleType, answer: str, label: str | None) -> None:
    assert score.label_in(answer) == label


# The server


@pytest.fixture
def pauses() -> list[float]:
    return []


def server_of(model: ModuleType, running: ModelServer, pauses: list[float], **changes: Any) -> Any:
    known = {"model": "gpt-4o", "times": 1, "at_once": 4, "timeout_seconds": 10, "tries": 3}
    return model.Server(f"{running.url}/v1", KEY, model.Settings(**{**known, **changes}), pauses.append)


QUESTION = [{"role": "system", "content": "Sort."}, {"role": "user", "content": "Where is it?"}]


def test_a_model_is_asked_as_its_server_wants_it(model: ModuleType, pauses: list[float]) -> None:
    with serving([Say("delivery")]) as running:
        answers = server_of(model, running, pauses).ask_all([(QUESTION, 0.25, seed) for seed in range(5)])
    assert answers == ["delivery"] * 5
    sent = [json.loads(each.text) for each in running.received]
    assert {body["seed"] for body in sent} == set(range(5))
    assert all((body["model"], body["temperature"], body["messages"]) == ("gpt-4o", 0.25, QUESTION) for body in sent)
    assert {each.key for each in running.received} == {KEY}
    assert pauses == []


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([Fail("key")], "the server says 401: Incorrect API key provided"),
        ([Fail("model")], "the server says 404: The model `no-such-model` does not exist"),
        ([Fail("credit")], "the server says 429: You exceeded your current quota"),
        ([Respond(400, "<html>no</html>")], "the server says 400: Bad Request"),
    ],
)
def test_what_will_not_pass_ends_it_at_once(
    model: ModuleType, pauses: list[float], steps: list[Step], reason: str
) -> None:
    with serving(steps) as running, pytest.raises(model.NoAnswerError, match=re.escape(reason)):
        server_of(model, running, pauses).ask(QUESTION, 0, 0)
    assert len(running.received) == 1
    assert pauses == []


@pytest.mark.parametrize(
    ("steps", "reason", "waits"),
    [
        ([Fail("limit", retry_after=7)], "the server says 429: Rate limit reached", [7, 7]),
        ([Fail("limit", retry_after=4000)], "the server says 429: Rate limit reached", [60, 60]),
        ([Fail("overloaded")], "the server says 503: The server is overloaded", [2, 4]),
        ([Respond(200, '{"choices": [{"mess')], "the server's answer is no chat completion", [2, 4]),
        ([Respond(200, "[" * 100_000)], "the server's answer is no chat completion", [2, 4]),
        ([Respond(200, '{"choices": []}')], "the server's answer is no chat completion", [2, 4]),
        ([Flood(2)], "the server's answer is no chat completion", [2, 4]),
        ([Hang()], "the model did not answer within 0.2 s", [2, 4]),
    ],
)
def test_what_may_pass_is_waited_for_and_then_named(
    model: ModuleType, pauses: list[float], steps: list[Step], reason: str, waits: list[float]
) -> None:
    seconds = 0.2 if isinstance(steps[0], Hang) else 10
    with serving(steps) as running, pytest.raises(model.NoAnswerError, match=f"{re.escape(reason)}.*3 times in a row"):
        server_of(model, running, pauses, timeout_seconds=seconds).ask(QUESTION, 0, 0)
    assert pauses == waits


def test_a_server_that_is_not_there_is_named(model: ModuleType, pauses: list[float]) -> None:
    gone = ModelServer("http://127.0.0.1:9", lambda _: [])
    with pytest.raises(model.NoAnswerError, match=r"127\.0\.0\.1:9/v1 cannot be reached .*3 times in a row"):
        server_of(model, gone, pauses).ask(QUESTION, 0, 0)


def test_a_limit_that_passes_costs_no_answer(model: ModuleType, pauses: list[float]) -> None:
    steps: Iterator[list[Step]] = iter([[Fail("limit", retry_after=1)], [Say("return")]])
    with serving(lambda _: next(steps)) as running:
        assert server_of(model, running, pauses).ask(QUESTION, 0, 0) == "return"
    assert pauses == [1]


# The simulated model


def sorted_right(simulated: ModuleType, score: ModuleType, path: Path, text: str) -> float:
    """How many of the mails, with this prompt."""
    path.write_text(text)
    prompt, solved, cases = score.read_prompt(path), score.read_cases("train"), score.read_cases("validation")
    right = 0
    for seed, case in enumerate(cases):
        asked = prompt.messages(case["text"], solved)
        body = {"model": "simulated", "messages": asked, "temperature": prompt.temperature, "seed": seed}
        right += score.label_in(simulated.answer(body)) == case["label"]
    return right / len(cases)


def test_the_simulated_model_goes_by_what_the_prompt_says(
    simulated: ModuleType, score: ModuleType, tmp_path: Path
) -> None:
    def right(text: str) -> float:
        return sorted_right(simulated, score, tmp_path / "prompt.toml", text)

    told = written(temperature=0.1, show_definitions=True)
    meanings = re.findall(r"^\w+ = (.*)$", told.partition("[definitions]")[2], re.MULTILINE)
    rotated = meanings[1:] + meanings[:1]
    swapped = told.partition("[definitions]")[0] + "[definitions]\n"
    swapped += "".join(f"{label} = {meaning}\n" for label, meaning in zip(score.LABELS, rotated, strict=True))
    assert right(told) > right(written(temperature=0.1)) + 0.05
    assert right(told) > right(written(temperature=2.0, show_definitions=True)) + 0.05
    assert right(told) > right(swapped) + 0.1


def test_the_simulated_model_repeats_itself_on_the_same_seed_alone(simulated: ModuleType) -> None:
    labels = "Answer with one word: payment, delivery or return."
    asked = [{"role": "system", "content": labels}, {"role": "user", "content": "It came late and broken."}]

    def answers(seed: int) -> str:
        return str(simulated.answer({"model": "simulated", "messages": asked, "temperature": 1.5, "seed": seed}))

    assert [answers(seed) for seed in range(30)] == [answers(seed) for seed in range(30)]
    assert {answers(seed) for seed in range(30)} == {"payment", "delivery", "return"}
    asked[0]["content"] = "Hello!"
    assert answers(1) == "I am not sure what you would like me to do."


def test_the_simulated_model_speaks_as_any_server_does(model: ModuleType) -> None:
    settings = model.Settings.read(FOLDER / "settings.toml")
    assert settings.model == "simulated"
    with model.server(settings) as running:
        told = [{"role": "system", "content": "One word: delivery, return."}, *QUESTION[1:]]
        assert running.ask(told, 0.5, 3) in ("delivery", "return")
        with pytest.raises(model.NoAnswerError, match="the server says 400: the request cannot be read"):
            running.ask(["no message"], 0.5, 3)


# The whole of it


@pytest.fixture
def example(tmp_path: Path) -> Project:
    """The example in a checkout of its own."""
    project = Project(tmp_path / "prompt")
    shutil.copytree(FOLDER, project.folder, ignore=shutil.ignore_patterns("__pycache__"))
    goal = (project.folder / "goal.md").read_text()
    project.write("goal.md", goal.replace("python ", f"{sys.executable} "))
    settings = (project.folder / "settings.toml").read_text()
    project.write("settings.toml", settings.replace("times = 2", "times = 1"))
    project.git("init", "-q", "-b", "main")
    project.commit("start")
    return project


def test_a_short_night(example: Project) -> None:
    example.ok("run", "--experiments", "2")
    example.ok("run", "--experiments", "3", "--agent", "cat validation.jsonl held_out.jsonl >> prompt.toml; true")
    baseline, *searched, cheat = example.log()
    assert baseline["verdict"] == "baseline"
    assert 0.4 < baseline["metric"] < 0.8
    assert {record["verdict"] for record in searched} <= {"keep", "discard"}
    assert all(0 < record["metric"] < 1 for record in searched)
    if find_sandbox() is not None:
        assert cheat["verdict"] == "no_change"  # it found nothing in them


def test_a_model_with_a_key(example: Project, score: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {case["text"]: case["label"] for case in score.read_cases("validation")}

    def knows_all_but_account(asked: Asked) -> list[Step]:
        label = known[asked.turns[-1][-1]]
        return [Refuse()] if label == "account" else [Say(f"The label is {label}.")]

    settings = (example.folder / "settings.toml").read_text()
    example.write("settings.toml", settings.replace("simulated", "gpt-4o"))
    example.set(score_network="true", score_env="[OPENAI_API_KEY, OPENAI_BASE_URL]")
    example.commit()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving(knows_all_but_account) as running:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{running.url}/v1")
        example.ok("run", "--experiments", "1", "--agent", "sed -i 's/0.7/0.5/' prompt.toml")
    assert example.log()[0]["metric"] == pytest.approx(0.8)
    assert {each.key for each in running.received} == {KEY}
    assert not [path for path in example.folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_the_scorer_ends_with_one_sentence_and_exit_code_1(example: Project) -> None:
    example.write("prompt.toml", written(temperature=9))
    scored = subprocess.run(
        [sys.executable, "score.py"], cwd=example.folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert (scored.returncode, scored.stdout) == (1, "")
    assert scored.stderr == "score.py: temperature is '9'; allowed: (0, 2)\n"


def test_who_brings_cases_of_their_own_is_told_what_is_wrong_with_them(
    score: ModuleType, model: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(score, "HERE", tmp_path)
    good = '{"text": "Where is it?", "label": "delivery"}\n'
    for bad in (
        '{"text": "Where is it?"',
        '{"text": "Where is it?", "label": "where"}',
        '{"label": "delivery"}',
        "[]",
        "3",
    ):
        (tmp_path / "train.jsonl").write_text(good + bad)
        with pytest.raises(SystemExit, match=r"score\.py: train\.jsonl:2 is no JSON object"):
            score.read_cases("train")
    for settings in (
        "model = ",
        'model = "x"',
        (FOLDER / "settings.toml").read_text().replace("at_once = 8", "at_once = 0"),
    ):
        (tmp_path / "settings.toml").write_text(settings)
        with pytest.raises(model.NoAnswerError, match=r"settings\.toml (cannot be used|must name a model)"):
            model.Settings.read(tmp_path / "settings.toml")
