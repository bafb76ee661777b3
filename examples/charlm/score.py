"""Measures model.npz: how many bits per character it needs for text that it was not trained on. Frozen.

    python score.py                      the validation split; this is the number that decides
    python score.py --split held_out     text that no experiment was chosen by; `overnight verify` runs this

Nothing of train.py is imported or believed. The file holds arrays only, and the forward pass below is the
scorer's own:

    embedding     (97, E)             one row per symbol of prepare.VOCABULARY, then one for everything else
    context       a whole number      how many characters the model looks back, at most 256
    activation    a word              relu, gelu (its tanh form), tanh or silu
    weight_1, bias_1, weight_2, …     the hidden layers: (rows, columns) and (columns,), from context × E
    output_weight, output_bias        the last layer, to 97 logits
"""

from __future__ import annotations

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"  # one thread, set before NumPy loads: additions are then always in the
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # same order, and the score is the same to the last digit
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["VECLIB_MAXIMUM_THREADS"] = "1"

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from prepare import SPLITS, SYMBOLS, fingerprint, load

POSITIONS = 32_768
"""Characters to predict, spread evenly over the split. They are the same for every model."""
CHUNK = 1024
LARGEST_FILE = 20_000_000
LARGEST_CONTEXT = 256
LARGEST_WIDTH = 16_384
MOST_ARRAYS = 200

ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x**3))),
    "tanh": np.tanh,
    "silu": lambda x: x * 0.5 * (1 + np.tanh(0.5 * x)),
}


class BrokenModelError(Exception):
    """Why model.npz cannot be scored, in one sentence."""


@dataclass(frozen=True)
class Model:
    context: int
    activation: str
    embedding: np.ndarray
    hidden: list[tuple[np.ndarray, np.ndarray]]
    output: tuple[np.ndarray, np.ndarray]

    def logits(self, contexts: np.ndarray) -> np.ndarray:
        values: np.ndarray = self.embedding[contexts].reshape(len(contexts), -1)
        for weight, bias in self.hidden:
            values = ACTIVATIONS[self.activation](values @ weight + bias)
        return values @ self.output[0] + self.output[1]


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays in the file, which may hold anything: it was written by a program nobody vouches for."""
    if not path.is_file():
        raise BrokenModelError(f"there is no {path}; train.py did not get as far as writing it")
    try:
        with zipfile.ZipFile(path) as file:
            members = file.infolist()
        if sum(member.file_size for member in members) > LARGEST_FILE or len(members) > MOST_ARRAYS:
            raise BrokenModelError(f"{path.name} is over {LARGEST_FILE:,} bytes or {MOST_ARRAYS} arrays")
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except BrokenModelError:
        raise
    except Exception as error:  # a damaged file can fail in any way
        reason = f"{path.name} cannot be read as NumPy arrays ({type(error).__name__})"
        raise BrokenModelError(reason) from error


def read_model(path: Path) -> Model:
    """The model in the file, once every array is known to have the right name, type, shape and numbers."""
    arrays = read_arrays(path)
    context, activation = _word(arrays, "context", "iu"), _word(arrays, "activation", "U")
    if not 1 <= int(context) <= LARGEST_CONTEXT:
        raise BrokenModelError(f"context is {context}; it must be from 1 to {LARGEST_CONTEXT}")
    if activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise BrokenModelError(f"activation is {str(activation)[:20]!r}; it must be one of {known}")
    embedding = _matrix(arrays, "embedding", rows=SYMBOLS)
    width = int(context) * embedding.shape[1]
    if width > LARGEST_WIDTH:
        raise BrokenModelError(f"context × embedding is {width}; {LARGEST_WIDTH} at most")
    hidden: list[tuple[np.ndarray, np.ndarray]] = []
    while f"weight_{len(hidden) + 1}" in arrays:
        weight = _matrix(arrays, f"weight_{len(hidden) + 1}", rows=width)
        width = weight.shape[1]
        hidden.append((weight, _vector(arrays, f"bias_{len(hidden) + 1}", width)))
    output = (_matrix(arrays, "output_weight", width, SYMBOLS), _vector(arrays, "output_bias", SYMBOLS))
    if arrays:
        raise BrokenModelError(f"{path.name} holds an unknown array, {next(iter(arrays))[:40]!r}")
    return Model(int(context), str(activation), embedding, hidden, output)


def _take(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in arrays:
        raise BrokenModelError(f"the array {name!r} is missing")
    return arrays.pop(name)


def _word(arrays: dict[str, np.ndarray], name: str, kinds: str) -> int | str:
    array = _take(arrays, name)
    if array.shape != () or array.dtype.kind not in kinds:
        raise BrokenModelError(f"{name} must be a single {'word' if kinds == 'U' else 'whole number'}")
    word: int | str = array.item()
    return word


def _floats(arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    array = _take(arrays, name)
    with np.errstate(over="ignore"):  # a double too large for a float becomes infinite, and is found below
        floats = array.astype(np.float32, order="C") if array.dtype.kind == "f" else None
    if floats is None or not np.isfinite(floats).all():
        raise BrokenModelError(f"{name} must hold finite floating-point numbers only")
    return floats


def _matrix(arrays: dict[str, np.ndarray], name: str, rows: int, columns: int | None = None) -> np.ndarray:
    array = _floats(arrays, name)
    fits = array.ndim == 2 and array.shape[0] == rows and (columns is None or array.shape[1] == columns)
    if not fits or not 1 <= array.shape[1] <= LARGEST_WIDTH:
        wanted = f"({rows}, {columns or f'1 to {LARGEST_WIDTH}'})"
        raise BrokenModelError(f"{name} has the shape {array.shape} where {wanted} is needed")
    return array


def _vector(arrays: dict[str, np.ndarray], name: str, length: int) -> np.ndarray:
    array = _floats(arrays, name)
    if array.shape != (length,):
        raise BrokenModelError(f"{name} has the shape {array.shape} where ({length},) is needed")
    return array


def bits_per_character(model: Model, text: np.ndarray) -> float:
    """The mean of -log2 p(character) over POSITIONS characters of the text."""
    if len(text) <= LARGEST_CONTEXT:
        raise SystemExit(f"score.py: the text has {len(text)} characters; it needs more than {LARGEST_CONTEXT}")
    count = min(POSITIONS, len(text) - LARGEST_CONTEXT)
    positions = np.linspace(LARGEST_CONTEXT, len(text) - 1, count, dtype=np.int64)
    nats = 0.0
    with np.errstate(all="ignore"):  # overflow shows in the result, which is checked
        for chunk in np.split(positions, range(CHUNK, len(positions), CHUNK)):
            logits = model.logits(text[chunk[:, None] + np.arange(-model.context, 0)])
            logits -= logits.max(axis=1, keepdims=True)  # first: lost digits must never look like certainty
            totals = np.log(np.exp(logits).sum(axis=1, dtype=np.float64))
            nats += float((totals - logits[np.arange(len(chunk)), text[chunk]]).sum())
    bits = nats / len(positions) / np.log(2)
    if not np.isfinite(bits):
        raise BrokenModelError("the model's predictions are not finite numbers")
    return float(bits)


def main() -> None:
    parser = argparse.ArgumentParser(description="Bits per character of the exported model; lower is better.")
    parser.add_argument("--split", choices=SPLITS, default="validation")
    split = parser.parse_args().split
    path = Path(os.environ.get("OVERNIGHT_ARTIFACTS", "artifacts")) / "model.npz"
    text = load(split)
    try:
        model = read_model(path)
        bits = bits_per_character(model, text)
    except BrokenModelError as error:
        raise SystemExit(f"score.py: {error}") from None
    print(f"scored on {split} text with sha256 {fingerprint(text)}")
    print(f"model_kb: {path.stat().st_size / 1000:.0f}")
    print(f"val_bpc: {bits:.6f}")


if __name__ == "__main__":
    main()
