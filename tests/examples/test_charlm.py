"""The charlm example: right gradients, a scorer that believes nothing, splits that never move."""

from __future__ import annotations

import io
import math
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from overnight.goal.document import Goal
from tests.examples.imported import imported

FOLDER = Path(__file__).parents[2] / "examples" / "charlm"
BLIND_GUESS = math.log2(97)

Import = Callable[[str], ModuleType]


@pytest.fixture
def charlm(monkeypatch: pytest.MonkeyPatch) -> Import:
    """Imports a file of the example by its path, and leaves no trace of that in the test process."""

    def module(name: str) -> ModuleType:
        return imported(FOLDER, name, monkeypatch)

    module("prepare")  # the other two import it by this name
    return module


@pytest.fixture
def train(charlm: Import, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """train.py with a model small enough to check every part of it."""
    module = charlm("train")
    small = {"CONTEXT": 3, "EMBEDDING": 4, "HIDDEN": 6, "LAYERS": 2}
    for name, value in small.items():
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, value)
    return module


@pytest.fixture
def score(charlm: Import) -> ModuleType:
    return charlm("score")


def _batch(rng: np.random.Generator, size: int, context: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.integers(97, size=(size, context), dtype=np.uint8), rng.integers(97, size=size, dtype=np.uint8)


def _python(script: str, *arguments: str, artifacts: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, script, *arguments],
        cwd=FOLDER,
        env={**os.environ, "OVERNIGHT_ARTIFACTS": str(artifacts), "PYTHONDONTWRITEBYTECODE": "1", **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


# train.py


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("activation", ["relu", "gelu", "tanh", "silu"])
def test_gradients_agree_with_finite_differences(
    train: ModuleType, monkeypatch: pytest.MonkeyPatch, activation: str, layers: int
) -> None:
    monkeypatch.setattr(train, "ACTIVATION", activation)
    monkeypatch.setattr(train, "LAYERS", layers)
    rng = np.random.default_rng(1)
    model = {name: array.astype(np.float64) for name, array in train.new_model(rng).items()}
    contexts, targets = _batch(rng, 7, train.CONTEXT)
    _, gradients = train.loss_and_gradients(model, contexts, targets)
    assert gradients.keys() == model.keys()
    step = 1e-6
    for name, array in model.items():
        steepest = np.argsort(np.abs(gradients[name]), axis=None)[-5:]
        for index in {*steepest.tolist(), *rng.integers(array.size, size=5).tolist()}:
            before = array.flat[index]
            array.flat[index] = before + step
            above, _ = train.loss_and_gradients(model, contexts, targets)
            array.flat[index] = before - step
            below, _ = train.loss_and_gradients(model, contexts, targets)
            array.flat[index] = before
            assert gradients[name].flat[index] == pytest.approx((above - below) / (2 * step), abs=1e-7)


def test_a_step_of_adam_moves_each_weight_by_the_rate_against_its_gradient(train: ModuleType) -> None:
    weights = np.zeros(3, dtype=np.float32)
    train.Adam(3).update(weights, np.array([0.2, -0.1, 0.0], dtype=np.float32), rate=0.5)
    assert weights == pytest.approx([-0.5, 0.5, 0.0], abs=1e-4)


def test_the_model_is_a_view_of_the_weights(train: ModuleType) -> None:
    start = train.new_model(np.random.default_rng(0))
    weights = train.as_vector(start, start)
    model = train.as_model(weights, like=start)
    assert all(np.array_equal(model[name], start[name]) for name in start)
    weights[:] = 7
    assert all((array == 7).all() for array in model.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HIDDEN", 0),
        ("LAYERS", 0.5),
        ("BATCH_SIZE", -1),
        ("BETA1", 1.8),
        ("WARMUP", 0.0),
        ("ACTIVATION", "sine"),
    ],
)
def test_a_setting_that_makes_no_sense_ends_the_run_with_its_name(
    train: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    monkeypatch.setattr(train, name, value)
    with pytest.raises(SystemExit, match=f"^{name} must be .*{value}$"):
        train.check_settings()


def test_half_a_second_of_training_beats_a_blind_guess_on_both_splits(tmp_path: Path) -> None:
    run = _python("train.py", artifacts=tmp_path, OVERNIGHT_BUDGET_SECONDS="0.5", OVERNIGHT_SEED="3")
    assert run.returncode == 0, run.stderr
    for arguments in ((), ("--split", "held_out")):
        scored = _python("score.py", *arguments, artifacts=tmp_path)
        assert scored.returncode == 0, scored.stderr
        assert float(re.findall(r"^val_bpc: (\S+)$", scored.stdout, re.MULTILINE)[-1]) < BLIND_GUESS - 1


# prepare.py


def test_no_file_is_in_two_splits_and_the_text_does_not_change(charlm: Import) -> None:
    prepare = charlm("prepare")
    files = [file for split in prepare.SPLITS for file in prepare.text_files(split)]
    assert len(files) == len(set(files))
    for split, least in {"train": 1_000_000, "validation": 100_000, "held_out": 100_000}.items():
        text = prepare.load(split)
        assert len(text) > least
        assert text.max() < prepare.SYMBOLS
        assert (text == prepare.OTHER).mean() < 0.01
        assert prepare.fingerprint(text) == prepare.fingerprint(prepare.load(split))


def test_a_files_name_decides_its_split_for_good(charlm: Import) -> None:
    names = ("abc.py", "ast.py", "argparse.py", "json/encoder.py", "functools.py")
    assert [charlm("prepare").split_of(name) for name in names] == [
        *("train", "validation", "held_out", "validation", "held_out")
    ]


def test_symbols_stand_for_the_characters_they_are_named_after(
    charlm: Import, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prepare = charlm("prepare")
    monkeypatch.setattr(prepare, "FOLDER", tmp_path)
    monkeypatch.setattr(prepare, "PATTERNS", ("*.txt",))
    monkeypatch.setattr(prepare, "split_of", lambda _: "train")
    (tmp_path / "b.txt").write_bytes(b"x\ty\r\n")
    (tmp_path / "a.txt").write_bytes("Aé~".encode())
    text = prepare.load("train")
    shown = "".join("?" if symbol == prepare.OTHER else prepare.VOCABULARY[symbol] for symbol in text)
    assert shown == "A??~\nx?y\n"
    with pytest.raises(SystemExit, match="no text for the held_out split"):
        prepare.load("held_out")


def test_the_budget_is_spent_from_nought_to_one_and_then_over(charlm: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare = charlm("prepare")
    ticks = iter([0.0, 0.4, 1.2, 1.89, 1.91])
    monkeypatch.setattr(prepare.time, "process_time", lambda: next(ticks))
    monkeypatch.setenv("OVERNIGHT_BUDGET_SECONDS", "2")
    assert list(prepare.until_budget_ends()) == pytest.approx([0, 0.4 / 1.9, 1.2 / 1.9, 1.89 / 1.9])


# score.py


def test_the_scorers_forward_pass_agrees_with_the_trainers(
    train: ModuleType, score: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = np.random.default_rng(5).integers(97, size=score.LARGEST_CONTEXT + 500, dtype=np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(text, train.CONTEXT + 1)[-500:]
    for activation in train.ACTIVATIONS:
        monkeypatch.setattr(train, "ACTIVATION", activation)
        model = train.new_model(np.random.default_rng(2))
        train.export(model, tmp_path)
        loss, _ = train.loss_and_gradients(model, windows[:, :-1], windows[:, -1])
        bits = score.bits_per_character(score.read_model(tmp_path / "model.npz"), text)
        assert bits == pytest.approx(loss / math.log(2), rel=1e-5)
    assert train.ACTIVATIONS.keys() == score.ACTIVATIONS.keys()


def _arrays() -> dict[str, np.ndarray]:
    """A model that knows nothing: every symbol is as likely as any other."""
    return {
        "context": np.array(2),
        "activation": np.array("tanh"),
        "embedding": np.zeros((97, 3), dtype=np.float32),
        "weight_1": np.zeros((6, 4), dtype=np.float32),
        "bias_1": np.zeros(4, dtype=np.float32),
        "output_weight": np.zeros((4, 97), dtype=np.float32),
        "output_bias": np.zeros(97, dtype=np.float32),
    }


def test_a_model_that_looks_at_the_characters_to_come_is_caught(score: ModuleType, charlm: Import) -> None:
    prepare = charlm("prepare")
    text = prepare.load("validation")[:20_000]
    one_hot = np.eye(prepare.SYMBOLS, dtype=np.float32)
    # It says again what it sees last. Shown the character to come, as its own training might, it is always right.
    copier = score.Model(1, "relu", one_hot, [], (30 * one_hot, np.zeros(prepare.SYMBOLS, dtype=np.float32)))
    assert (copier.logits(text[:, None]).argmax(axis=1) == text).all()
    # The scorer shows it the characters before, and nothing else: it is far worse than a blind guess.
    assert score.bits_per_character(copier, text) > 2 * np.log2(prepare.SYMBOLS)


@pytest.mark.parametrize("bias", [0.0, 1e30, -3e38])
def test_a_model_that_knows_nothing_scores_a_blind_guess_however_large_its_numbers(
    score: ModuleType, tmp_path: Path, bias: float
) -> None:
    np.savez(tmp_path / "model.npz", **{**_arrays(), "output_bias": np.full(97, bias, dtype=np.float32)})
    text = np.arange(2000, dtype=np.int64).astype(np.uint8) % 97
    model = score.read_model(tmp_path / "model.npz")
    assert score.bits_per_character(model, text) == pytest.approx(BLIND_GUESS)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"context": None}, "'context' is missing"),
        ({"context": np.array(0)}, "from 1 to 256"),
        ({"context": np.array(2.0)}, "single whole number"),
        ({"context": np.array(3)}, "weight_1 has the shape"),
        ({"activation": np.array("sine")}, "must be one of relu"),
        ({"activation": np.array(["tanh"])}, "single word"),
        ({"embedding": np.zeros((96, 3), dtype=np.float32)}, "embedding has the shape"),
        ({"embedding": np.zeros((97, 3), dtype=np.int8)}, "finite floating-point"),
        ({"embedding": np.zeros((97, 0), dtype=np.float32)}, "embedding has the shape"),
        ({"bias_1": np.float32(0)}, "bias_1 has the shape ()"),
        ({"weight_1": b"\0"}, "finite floating-point"),
        ({"bias_1": np.zeros((4, 1), dtype=np.float32)}, "bias_1 has the shape"),
        ({"bias_1": np.full(4, np.nan, dtype=np.float32)}, "finite floating-point"),
        ({"output_bias": np.full(97, 1e300)}, "finite floating-point"),
        ({"output_weight": np.zeros((4, 98), dtype=np.float32)}, "output_weight has the shape"),
        ({"weight_3": np.zeros((4, 4), dtype=np.float32)}, "unknown array, 'weight_3'"),
        ({"weight_1": np.array([print], dtype=object)}, "cannot be read as NumPy arrays"),
        ({"extra": np.zeros(21_000_000, dtype=np.int8)}, "over 20,000,000 bytes"),
    ],
)
def test_a_broken_model_is_named_not_scored(
    score: ModuleType, tmp_path: Path, changed: dict[str, object], reason: str
) -> None:
    arrays = {name: array for name, array in {**_arrays(), **changed}.items() if array is not None}
    np.savez_compressed(tmp_path / "model.npz", **arrays)
    with pytest.raises(score.BrokenModelError, match=re.escape(reason)):
        score.read_model(tmp_path / "model.npz")


def test_a_file_that_claims_more_than_it_holds_is_broken(score: ModuleType, tmp_path: Path) -> None:
    header, claim = io.BytesIO(), {"descr": "<f4", "fortran_order": False, "shape": (10**13, 97)}
    np.lib.format.write_array_header_1_0(header, claim)
    with zipfile.ZipFile(tmp_path / "model.npz", "w") as file:
        file.writestr("embedding.npy", header.getvalue())
    with pytest.raises(score.BrokenModelError, match="cannot be read"):
        score.read_model(tmp_path / "model.npz")


def test_predictions_that_overflow_are_broken(score: ModuleType, tmp_path: Path) -> None:
    large = np.full((4, 97), 3e38, dtype=np.float32)
    arrays = {**_arrays(), "bias_1": np.ones(4, dtype=np.float32), "output_weight": large}
    np.savez(tmp_path / "model.npz", **arrays)
    with pytest.raises(score.BrokenModelError, match="predictions are not finite"):
        score.bits_per_character(score.read_model(tmp_path / "model.npz"), np.zeros(500, dtype=np.uint8))


@pytest.mark.parametrize("content", [None, b"PK\x03\x04 cut short"])
def test_the_scorer_ends_with_one_sentence_and_exit_code_1(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "model.npz").write_bytes(content)
    scored = _python("score.py", artifacts=tmp_path)
    assert scored.returncode == 1
    assert scored.stdout == ""
    assert re.fullmatch(r"score\.py: .*model\.npz.*\n", scored.stderr)


# goal.md


def test_the_goal_is_one_that_overnight_reads() -> None:
    goal = Goal.read(FOLDER / "goal.md")
    assert goal.settings.edit == ("train.py",)
    assert goal.settings.metric == "val_bpc"
    assert goal.settings.verify == "python score.py --split held_out"
    assert goal.settings.stop.experiments == 60
