"""Trains a small character-level language model until the budget is used up, and exports it as model.npz.

A multi-layer perceptron looks at the last CONTEXT characters and predicts the next one. Everything is NumPy:
the forward pass, the backward pass and the optimizer. This is the one file that may be edited.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # one thread, set before NumPy loads: with more of them, a run would be
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # faster or slower depending on what else the machine is doing
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["VECLIB_MAXIMUM_THREADS"] = "1"

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from prepare import SYMBOLS, load, until_budget_ends

CONTEXT = 4  # characters the model looks back
EMBEDDING = 8  # numbers per character
HIDDEN = 64  # units per hidden layer
LAYERS = 1  # hidden layers
ACTIVATION = "tanh"  # try: relu, gelu, tanh, silu
INIT_SCALE = 1.0  # 1 keeps the variance of the signal through a linear layer

BATCH_SIZE = 32
LEARNING_RATE = 0.0003
USE_LR_DECAY = False  # bring the learning rate down to zero, linearly, over the run
WARMUP = 0.05  # part of the run in which the learning rate rises
BETA1 = 0.9
BETA2 = 0.999
GRAD_CLIP = 1.0  # longest gradient, over all weights together
USE_AVERAGING = False  # export the mean of the weights over the second half of the run, not the last ones

Model = dict[str, np.ndarray]


def check_settings() -> None:
    """Ends the run at once, with the reason, where a setting makes no sense."""
    for name in ("CONTEXT", "EMBEDDING", "HIDDEN", "LAYERS", "BATCH_SIZE"):
        if not isinstance(globals()[name], int) or globals()[name] < 1:
            raise SystemExit(f"{name} must be a whole number from 1, not {globals()[name]}")
    for name in ("INIT_SCALE", "LEARNING_RATE", "WARMUP", "GRAD_CLIP"):
        if not globals()[name] > 0:
            raise SystemExit(f"{name} must be more than 0, not {globals()[name]}")
    for name in ("BETA1", "BETA2"):
        if not 0 <= globals()[name] < 1:
            raise SystemExit(f"{name} must be from 0 to below 1, not {globals()[name]}")
    if ACTIVATION not in ACTIVATIONS:
        raise SystemExit(f"ACTIVATION must be one of {', '.join(ACTIVATIONS)}, not {ACTIVATION}")


# The model: for each activation, the value and the slope.


def relu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    positive = x > 0
    return x * positive, positive


def gelu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    bend = np.tanh(0.7978845608 * (x + 0.044715 * x**3))
    slope = 0.5 * (1 + bend) + 0.5 * x * (1 - bend**2) * 0.7978845608 * (1 + 0.134145 * x**2)
    return 0.5 * x * (1 + bend), slope


def tanh(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    value = np.tanh(x)
    return value, 1 - value**2


def silu(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    gate = 0.5 * (1 + np.tanh(0.5 * x))
    return x * gate, gate * (1 + x * (1 - gate))


ACTIVATIONS = {"relu": relu, "gelu": gelu, "tanh": tanh, "silu": silu}


def new_model(rng: np.random.Generator) -> Model:
    """Random weights, under the names that score.py expects."""

    def matrix(rows: int, columns: int) -> np.ndarray:
        return (rng.standard_normal((rows, columns)) * INIT_SCALE / np.sqrt(rows)).astype(np.float32)

    model = {"embedding": rng.standard_normal((SYMBOLS, EMBEDDING)).astype(np.float32)}
    width = CONTEXT * EMBEDDING
    for layer in range(1, LAYERS + 1):
        model[f"weight_{layer}"] = matrix(width, HIDDEN)
        model[f"bias_{layer}"] = np.zeros(HIDDEN, dtype=np.float32)
        width = HIDDEN
    model["output_weight"] = matrix(width, SYMBOLS)
    model["output_bias"] = np.zeros(SYMBOLS, dtype=np.float32)
    return model


def loss_and_gradients(model: Model, contexts: np.ndarray, targets: np.ndarray) -> tuple[float, Model]:
    """The mean cross-entropy in nats over one batch, and its gradient for every array of the model."""
    batch = np.arange(len(targets))
    inputs = model["embedding"][contexts].reshape(len(targets), -1)
    layers = [(inputs, np.ones_like(inputs))]  # value and slope of each layer
    for layer in range(1, LAYERS + 1):
        before = layers[-1][0] @ model[f"weight_{layer}"] + model[f"bias_{layer}"]
        layers.append(ACTIVATIONS[ACTIVATION](before))
    logits = layers[-1][0] @ model["output_weight"] + model["output_bias"]
    logits -= logits.max(axis=1, keepdims=True)
    probabilities = np.exp(logits)
    totals = probabilities.sum(axis=1, keepdims=True)
    probabilities /= totals
    loss = float(np.mean(np.log(totals[:, 0]) - logits[batch, targets]))

    delta = probabilities
    delta[batch, targets] -= 1
    delta /= len(targets)
    gradients = {"output_weight": layers[-1][0].T @ delta, "output_bias": delta.sum(axis=0)}
    delta = delta @ model["output_weight"].T
    for layer in range(LAYERS, 0, -1):
        delta = delta * layers[layer][1]
        gradients[f"weight_{layer}"] = layers[layer - 1][0].T @ delta
        gradients[f"bias_{layer}"] = delta.sum(axis=0)
        delta = delta @ model[f"weight_{layer}"].T
    one_hot = (contexts.reshape(-1, 1) == np.arange(SYMBOLS)).astype(delta.dtype)
    gradients["embedding"] = one_hot.T @ delta.reshape(contexts.size, -1)
    return loss, gradients


def learning_rate_at(progress: float) -> float:
    """The schedule follows the budget used up, not a count of steps: a slow machine sees all of it too."""
    rate = LEARNING_RATE * min(1.0, progress / WARMUP)
    return rate * (1 - progress) if USE_LR_DECAY else rate


class Adam:
    """Adam with clipping, on all weights as one vector: NumPy is slow at many small arrays."""

    def __init__(self, size: int) -> None:
        self.steps = 0
        self.mean = np.zeros(size, dtype=np.float32)
        self.square = np.zeros(size, dtype=np.float32)

    def update(self, weights: np.ndarray, gradient: np.ndarray, rate: float) -> None:
        self.steps += 1
        length = np.sqrt(gradient @ gradient)
        if length > GRAD_CLIP:
            gradient *= GRAD_CLIP / length
        self.mean += (1 - BETA1) * (gradient - self.mean)
        self.square += (1 - BETA2) * (gradient * gradient - self.square)
        step = rate * (1 - BETA2**self.steps) ** 0.5 / (1 - BETA1**self.steps)
        weights -= step * self.mean / (np.sqrt(self.square) + 1e-8)


def as_vector(arrays: Model, names: Iterable[str]) -> np.ndarray:
    """A copy of the arrays, one after the other, as one vector."""
    return np.concatenate([arrays[name].ravel() for name in names])


def as_model(vector: np.ndarray, like: Model) -> Model:
    """The vector as named arrays. They are views: changing the vector changes them."""
    ends = np.cumsum([array.size for array in like.values()])
    parts = np.split(vector, ends[:-1])
    return {name: part.reshape(array.shape) for (name, array), part in zip(like.items(), parts, strict=True)}


def train(seed: int) -> tuple[Model, int]:
    """The trained model, and how many steps the budget was enough for."""
    rng = np.random.default_rng(seed)
    windows = np.lib.stride_tricks.sliding_window_view(load("train"), CONTEXT + 1)
    model = new_model(rng)
    weights = as_vector(model, model)
    model = as_model(weights, like=model)
    optimizer = Adam(weights.size)
    average, averaged_steps = np.zeros_like(weights), 0
    for progress in until_budget_ends():
        batch = windows[rng.integers(len(windows), size=BATCH_SIZE)]
        _, gradients = loss_and_gradients(model, batch[:, :-1], batch[:, -1])
        optimizer.update(weights, as_vector(gradients, model), learning_rate_at(progress))
        if USE_AVERAGING and progress > 0.5:
            averaged_steps += 1
            average += (weights - average) / averaged_steps
    return as_model(average if averaged_steps else weights, like=model), optimizer.steps


def export(model: Model, folder: Path) -> None:
    """Writes what score.py needs to run the model by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "model.npz", context=np.array(CONTEXT), activation=np.array(ACTIVATION), **model)


def main() -> None:
    check_settings()
    model, steps = train(seed=int(os.environ.get("OVERNIGHT_SEED", "0")))
    export(model, Path(os.environ.get("OVERNIGHT_ARTIFACTS", "artifacts")))
    print(f"steps: {steps}")
    print(f"weights: {sum(array.size for array in model.values())}")


if __name__ == "__main__":
    main()
