"""The nanochat example: any model may be exported, and the scorer believes none of them."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from overnight.goal.document import Goal
from tests.checkout import Checkout
from tests.examples.imported import imported
from tests.system.conftest import OVERNIGHT

FOLDER = Path(__file__).parents[2] / "examples" / "nanochat"
CONTEXT = 48  # does not divide what is scored: the last window holds less
Import = Callable[[str], ModuleType]


@pytest.fixture
def nanochat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Import]:
    """Imports a file of the example by its path, and leaves no trace of that in the test process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def module(name: str) -> ModuleType:
        return imported(FOLDER, name, monkeypatch)

    module("prepare")  # the others import these two by name
    module("program")
    yield module
    torch.set_num_threads(threads)


@pytest.fixture
def program(nanochat: Import) -> ModuleType:
    return sys.modules["program"]


@pytest.fixture
def score(nanochat: Import, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """score.py, with less to score."""
    module = nanochat("score")
    monkeypatch.setattr(module, "STRETCHES", 8)
    return module


@pytest.fixture(scope="module")
def text() -> np.ndarray:
    """Text with frequent, rare and no occurrences of a byte."""
    return (np.random.default_rng(7).standard_normal(20_000).clip(-4, 4) * 12 + 100).astype(np.uint8)


class Plain(nn.Module):
    """Says how often each byte occurs, and something about the byte before, whatever else there is."""

    def __init__(self, text: np.ndarray) -> None:
        super().__init__()
        self.counts = torch.from_numpy(np.bincount(text, minlength=256) + 1.0)
        self.pairs = torch.zeros(256, 256)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.counts.log().float() + self.pairs[tokens]


# program.py


class Wild(nn.Module):
    """What architectures are made of."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = nn.Embedding(256, 32)
        self.qkv = nn.Linear(32, 96)
        self.layer, self.rms, self.group = nn.LayerNorm(32), nn.RMSNorm(32), nn.GroupNorm(4, 32)
        self.conv, self.gru = nn.Conv1d(32, 32, 3), nn.GRU(32, 32, batch_first=True)
        self.turns = torch.polar(torch.ones(CONTEXT, 8), torch.outer(torch.arange(CONTEXT), 0.5 ** torch.arange(8.0)))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        functional = nn.functional
        x = self.bytes(tokens)
        q, k, v = (part.view(*tokens.shape, 2, 16).transpose(1, 2) for part in self.qkv(self.layer(x)).chunk(3, dim=-1))
        q, k = (self.turned(part) for part in (q, k))
        x = x + functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        later = ~torch.ones(CONTEXT, CONTEXT, dtype=torch.bool).tril()
        weights = (q @ k.transpose(-1, -2)).masked_fill(later, -math.inf).softmax(-1)
        x += torch.einsum("bhij,bhjd->bihd", weights, v).flatten(2)
        x = self.rms(x) + functional.gelu(x, approximate="tanh") + functional.relu(x).square().clamp(max=3)
        x = x + self.conv(functional.pad(x.transpose(1, 2), (2, 0))).transpose(1, 2) + self.gru(x)[0]
        x = x + self.group(x.flatten(0, 1)).view_as(x) + x.cumsum(1) / torch.arange(1, CONTEXT + 1)[:, None]
        x = torch.where((tokens == 0)[..., None], x, x.sigmoid() * x.bfloat16().float())
        return 30 * torch.tanh(functional.linear(x, self.bytes.weight) / 30)

    def turned(self, x: torch.Tensor) -> torch.Tensor:
        pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], 8, 2))
        return torch.view_as_real(pairs * self.turns).flatten(3)


def test_any_architecture_comes_back_as_its_operations(program: ModuleType, tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = Wild()
    program.record(model, CONTEXT, tmp_path / "model.pt")
    tokens = torch.randint(256, (program.ROWS, CONTEXT))
    with torch.no_grad():
        expected = model(tokens)
    read = program.Program.read(tmp_path / "model.pt")
    assert torch.allclose(read(tokens), expected, atol=0.02)  # of 60; attention is computed in another order
    assert torch.equal(read(tokens), read(tokens))


class Sleight(nn.Module):
    """A model whose operations do not say what it does."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how
        self.weight = torch.ones(256, 256)
        self.seen = torch.zeros(16, CONTEXT, 256)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        if self.how == "chance":
            return nn.functional.dropout(self.weight[tokens])
        if self.how == "number":
            return self.weight[tokens] * tokens[0, 0].item()
        if self.how == "buffer":
            self.seen[:, 1:] = tokens[:, :-1, None]
            return self.seen + self.weight[tokens]
        return self.weight


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("chance", "may not use the operation"),
        ("number", "give another answer than the model"),
        ("buffer", "give another answer than the model"),
        ("constant", "does not depend on the tokens"),
    ],
)
def test_a_model_that_is_not_its_operations_is_not_exported(
    program: ModuleType, tmp_path: Path, how: str, reason: str
) -> None:
    with pytest.raises(program.BrokenModelError, match=re.escape(reason)):
        program.record(Sleight(how), CONTEXT, tmp_path / "model.pt")


def _content(operations: list[Any] | None = None, **changed: Any) -> dict[str, Any]:
    """A model that knows nothing, in the words of program.py."""
    if operations is None:
        operations = [["aten.embedding.default", [{"tensor": "w0"}, {"tensor": "tokens"}], {"dict": {}}, ["v0"], False]]
    weights = {"w0": torch.zeros(256, 256)}
    return {"shape": [16, CONTEXT], "operations": operations, "weights": weights, "logits": "v0"} | changed


def _does(name: str, *arguments: Any) -> list[Any]:
    return [name, list(arguments), {"dict": {}}, ["v0"], False]


class Trap:
    """Pickled code, as it lies in many a model file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("sprung",))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no"),
        (b"PK\x03\x04 cut short", "cannot be read"),
        ({"shape": Trap()}, "cannot be read"),
        ({}, "cannot be read"),
        (_content(shape=[16, 0]), "16 rows of 1 to 1024"),
        (_content(shape=[32, CONTEXT]), "16 rows of 1 to 1024"),
        (_content([_does("os.system", "true")]), "may not use the operation 'os.system'"),
        (_content([_does("aten.from_file.default", "/etc/passwd")]), "may not use"),
        (_content([_does("aten.rand_like.default", {"tensor": "tokens"})]), "may not use"),
        (_content([_does("aten.empty.memory_format", [16, CONTEXT, 256])]), "may not use"),
        (_content([_does("aten.mm.out", {"tensor": "w0"})]), "may not use"),
        (_content([_does("aten.__class__.mro")]), "may not use"),
        (_content([_does("aten.relu.default", {"tensor": "v7"})]), "an operation of the model failed"),
        (_content([_does("aten.relu.default", {"load": "x"})]), "an operation of the model failed"),
        (_content([_does("aten.relu.default", {"tensor": "w0"})]), "the logits have the shape [256, 256]"),
        (_content(weights={"w0": torch.zeros(256, 255)}), "the logits have the shape [16, 48, 255]"),
        (_content(weights={"w0": torch.full((256, 256), math.nan)}), "not finite"),
        (_content(weights={"w0": torch.zeros(256, 256).index_fill(1, torch.tensor(9), -math.inf)}), "not finite"),
    ],
)
def test_a_broken_model_is_named_not_scored(
    program: ModuleType,
    score: ModuleType,
    text: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: Any,
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(program.BrokenModelError, match=re.escape(reason)):
        score.bits_per_byte(program.Program.read(path), text, np.random.default_rng(1))
    assert not (tmp_path / "sprung").exists()


def test_a_file_that_is_too_large_is_not_even_opened(program: ModuleType, tmp_path: Path) -> None:
    with (tmp_path / "model.pt").open("wb") as file:
        file.truncate(program.LARGEST_FILE + 1)
    with pytest.raises(program.BrokenModelError, match="larger than 400 MB"):
        program.Program.read(tmp_path / "model.pt")


def test_nothing_is_carried_over_from_one_batch_to_the_next(program: ModuleType) -> None:
    remember = _does("aten.add_.Tensor", {"tensor": "w0"}, 1)
    answer = ["aten.embedding.default", [{"tensor": "w0"}, {"tensor": "tokens"}], {"dict": {}}, ["v1"], False]
    read = program.Program(_content([remember, answer], logits="v1"))
    tokens = torch.zeros(16, CONTEXT, dtype=torch.int64)
    assert read(tokens).unique().tolist() == [1]
    assert read(tokens).unique().tolist() == [1]


# score.py


def _scored(score: ModuleType, model: nn.Module, text: np.ndarray, folder: Path) -> float:
    program = sys.modules["program"]
    program.record(model, CONTEXT, folder / "model.pt")
    read = program.Program.read(folder / "model.pt")
    return float(score.bits_per_byte(read, text, np.random.default_rng(3)))


def test_each_byte_counts_once_whatever_the_context(score: ModuleType, text: np.ndarray, tmp_path: Path) -> None:
    piece = score.sample(text)
    model = Plain(text)
    model.pairs = torch.from_numpy(np.random.default_rng(2).standard_normal((256, 256)).astype(np.float32))
    logits = np.log(np.bincount(text, minlength=256) + 1.0) + model.pairs.numpy()[piece[:-1]]
    right = logits[np.arange(len(logits)), piece[1:]] - np.log(np.exp(logits).sum(axis=1))
    assert len(right) == 8 * score.STRETCH
    assert len(right) % CONTEXT != 0
    assert _scored(score, model, text, tmp_path) == pytest.approx(-right.mean() / math.log(2), rel=1e-5)


@pytest.mark.parametrize("size", [0.0, 1e30, -3e38])
def test_a_model_that_knows_nothing_needs_eight_bits_however_large_its_numbers(
    score: ModuleType, text: np.ndarray, size: float
) -> None:
    content = _content(weights={"w0": torch.full((256, 256), size)})
    bits = score.bits_per_byte(sys.modules["program"].Program(content), text, np.random.default_rng(1))
    assert bits == pytest.approx(8)


def _next_byte(tokens: torch.Tensor) -> torch.Tensor:
    """What a model wants to say that has seen the byte to come; of the last position nothing is known."""
    known = 20 * torch.eye(256)[tokens.roll(-1, 1)]
    return known * (torch.arange(tokens.shape[1]) < tokens.shape[1] - 1)[:, None]


CHEATS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "always": _next_byte,
    "at one position": lambda tokens: _next_byte(tokens) * (torch.arange(CONTEXT) == 17)[:, None],
    "after one byte in thirty": lambda tokens: _next_byte(tokens) * (tokens == 100)[..., None],
    "by the mean of all": lambda tokens: 0.01 * tokens.float().mean(1, keepdim=True)[..., None] * torch.arange(256),
    "by the last byte": lambda tokens: 0.01 * tokens[:, -1:, None] * torch.arange(256),
    "in other rows": lambda tokens: 0.01 * tokens.sum(0)[..., None] * torch.arange(256),
    "in the row below": lambda tokens: (
        20 * torch.eye(256)[tokens[:, :1].roll(-1, 0)] * (torch.arange(CONTEXT) == CONTEXT - 1)[:, None]
    ),
}


@pytest.mark.parametrize("how", CHEATS)
def test_a_model_that_looks_at_what_comes_later_is_caught(
    score: ModuleType, text: np.ndarray, tmp_path: Path, how: str
) -> None:
    class Cheat(Plain):
        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return super().forward(tokens) + CHEATS[how](tokens)

    with pytest.raises(sys.modules["program"].BrokenModelError, match="change with text that comes later"):
        _scored(score, Cheat(text), text, tmp_path)


def test_a_model_that_takes_for_ever_is_refused(score: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "MOST_SECONDS", 0.0)
    with pytest.raises(sys.modules["program"].BrokenModelError, match="more than 0 s to score"):
        score.log_probabilities(sys.modules["program"].Program(_content()), np.zeros((16, CONTEXT), dtype=np.int64))


# prepare.py


def test_no_file_is_in_two_splits_and_the_text_does_not_change(nanochat: Import) -> None:
    prepare = sys.modules["prepare"]
    files = [file for split in prepare.SPLITS for file in prepare.text_files(split)]
    assert len(files) == len(set(files))
    assert not [
        file for file in files if {"test", "tests", "site-packages"} & set(file.relative_to(prepare.FOLDER).parts)
    ]
    for split, least in {"train": 3_000_000, "validation": 300_000, "held_out": 300_000}.items():
        text = prepare.load(split)
        assert len(text) > least
        assert prepare.fingerprint(text) == prepare.fingerprint(prepare.load(split))
    assert [prepare.split_of(name) for name in ("abc.py", "ast.py", "argparse.py")] == [
        "train",
        "validation",
        "held_out",
    ]
    with pytest.raises(SystemExit, match="no split called 'test'"):
        prepare.load("test")


@pytest.mark.parametrize(("on_gpu", "clock"), [(False, "process_time"), (True, "monotonic")])
def test_the_budget_is_spent_from_nought_to_one_and_then_over(
    nanochat: Import, monkeypatch: pytest.MonkeyPatch, on_gpu: bool, clock: str
) -> None:
    prepare = sys.modules["prepare"]
    ticks = iter([0.0, 0.45, 1.35, 1.79, 1.81])
    monkeypatch.setattr(prepare, "_STARTED", 0.0)
    monkeypatch.setattr(prepare.time, clock, lambda: next(ticks))
    monkeypatch.setenv("OVERNIGHT_BUDGET_SECONDS", "2")
    assert list(prepare.until_budget_ends(on_gpu)) == pytest.approx([0, 0.25, 0.75, 1.79 / 1.8])


# train.py, speedrun.py, train_gpu.py and the goals


def test_a_speedrun_ends_as_soon_as_its_target_is_reached_and_the_scorer_looks_again(
    nanochat: Import, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train = nanochat("train")
    for name, value in {"CONTEXT": 16, "LAYERS": 1, "WIDTH": 16, "LEARNING_RATE": 3e-3}.items():
        assert hasattr(train, name)
        monkeypatch.setattr(train, name, value)
    monkeypatch.setenv("OVERNIGHT_ARTIFACTS", str(tmp_path))
    monkeypatch.setenv("OVERNIGHT_BUDGET_SECONDS", "100000")  # more than this process can have used
    monkeypatch.setattr(sys, "argv", ["speedrun.py", "6"])
    nanochat("speedrun").main()
    printed = capsys.readouterr().out
    assert int(re.findall(r"^steps: (\d+)$", printed, re.MULTILINE)[0]) % 20 == 0
    score = nanochat("score")
    for arguments in (["--target", "6"], ["--split", "held_out"]):
        monkeypatch.setattr(sys, "argv", ["score.py", *arguments])
        score.main()
        assert 4 < float(re.findall(r"^val_bpb: (\S+)$", capsys.readouterr().out, re.MULTILINE)[0]) < 6.2
    monkeypatch.setattr(sys, "argv", ["score.py", "--target", "4"])
    with pytest.raises(SystemExit, match=r"^score\.py: the model needs 5\.\d+ bits per byte; the target is 4$"):
        score.main()
    (tmp_path / "model.pt").unlink()
    with pytest.raises(SystemExit, match=r"^score\.py: there is no .*model\.pt"):
        score.main()
    assert capsys.readouterr().out == ""


def test_the_gpu_has_sizes_of_its_own_for_the_same_model(nanochat: Import) -> None:
    train = nanochat("train")
    before = set(vars(train))
    nanochat("train_gpu")
    assert set(vars(train)) == before
    assert train.WIDTH % train.HEADS == 0


def test_the_goals_are_ones_that_overnight_reads() -> None:
    goals = {name: Goal.read(FOLDER / f"{name}.md").settings for name in ("goal", "speedrun", "gpu")}
    assert [(goal.metric, goal.budget) for goal in goals.values()] == [
        *(("val_bpb", 20), ("cpu_seconds", 40), ("val_bpb", 300))
    ]
    for goal in goals.values():
        assert all((FOLDER / path).is_file() for path in goal.edit)
    assert goals["speedrun"].score is not None
    assert goals["speedrun"].run.split()[-1] == goals["speedrun"].score.split()[-1]


def test_a_short_session_measures_the_baseline_and_judges_what_the_search_proposes(tmp_path: Path) -> None:
    project = Checkout(tmp_path / "nanochat")
    shutil.copytree(FOLDER, project.folder, ignore=shutil.ignore_patterns("__pycache__", "*.lock", "artifacts"))
    goal = (project.folder / "goal.md").read_text()
    goal = goal.replace("budget: 20s", "budget: 1.5s").replace(": python ", f": {sys.executable} ")
    project.write("goal.md", goal)
    score = (project.folder / "score.py").read_text()
    project.write("score.py", score.replace("STRETCHES = 32", "STRETCHES = 4").replace("CHECKS = 256", "CHECKS = 64"))
    project.git("init", "-q")
    project.commit()
    command = [*OVERNIGHT, "run", "--experiments", "1", "--plain"]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    log = subprocess.run([*OVERNIGHT, "log", "--json"], cwd=project.folder, capture_output=True, text=True, check=True)
    baseline, tried = map(json.loads, log.stdout.splitlines())
    assert (baseline["verdict"], baseline["number"], tried["number"]) == ("baseline", 0, 1)
    assert tried["verdict"] in {"keep", "discard"}, tried
    for one in (baseline, tried):
        assert 3 < one["metric"] < 9
