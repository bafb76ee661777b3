"""Measures model.pt: how many bits per byte it needs for text that it was not trained on. Frozen.

    python score.py                      the validation split; this is the number that decides
    python score.py --split held_out     text that no experiment was chosen by; `overnight verify` runs this
    python score.py --target 4         fails where the model needs more than that

Nothing of train.py is imported or believed. model.pt is a list of tensor operations (program.py). The scorer cuts the
text into windows as long as the model's context, has each predicted once, makes probabilities of the logits itself,
and scores the same bytes whatever the model. A model is refused if any of its answers changes with what comes later
in the text, or with what else is in the batch: it is asked again with other text in both places.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # additions are then always in the same order, and so is the score

import numpy as np
import torch
from prepare import BYTES, SPLITS, fingerprint, load
from program import ROWS, BrokenModelError, Program

STRETCHES = 32
STRETCH = 1024
"""What is scored: so many bytes, at so many places spread evenly over the split."""
CHECKS = 256
"""How often a model is asked again with another future; at each position of its context at least once."""
TOLERANCE = 1e-3
"""Nats. Additions in another order differ by a hundredth of that."""
MOST_BITS = 9.0
"""A blind guess needs 8. What is worse than that has not learnt badly but broken down."""
MOST_SECONDS = 60.0
"""Of processor time. A model that takes longer is refused."""

_STARTED = time.process_time()


def sample(text: np.ndarray) -> np.ndarray:
    """The bytes that are scored, as one piece, after one that only gives a beginning."""
    if len(text) <= STRETCHES * STRETCH:
        raise SystemExit(f"score.py: the split has {len(text):,} bytes; it needs more than {STRETCHES * STRETCH:,}")
    starts = np.linspace(0, len(text) - STRETCH - 1, STRETCHES, dtype=np.int64)
    return np.concatenate([text[:1], *(text[start + 1 : start + 1 + STRETCH] for start in starts)])


def log_probabilities(program: Program, windows: np.ndarray) -> np.ndarray:
    """For each window and position, the logarithm of the probability of each byte that might come next."""
    answers = []
    for start in range(0, len(windows), ROWS):
        if time.process_time() - _STARTED > MOST_SECONDS:
            raise BrokenModelError(f"the model takes more than {MOST_SECONDS:g} s to score")
        batch = windows[start : start + ROWS]
        filled = np.resize(batch, (ROWS, batch.shape[1]))  # the last batch: what it has, again and again
        logits = program(torch.from_numpy(filled))[: len(batch)]
        answers.append(torch.log_softmax(logits, dim=2).numpy())
    answer = np.concatenate(answers)
    if not np.isfinite(answer).all():
        raise BrokenModelError("the model's predictions are not finite numbers")
    return answer


def check_future(
    program: Program, windows: np.ndarray, answers: np.ndarray, text: np.ndarray, rng: np.random.Generator
) -> None:
    """Asks again with other text after a random position, in other company. What was said up to there must stay."""
    context = windows.shape[1]
    count = max(CHECKS, context)
    last_kept = rng.permutation(np.arange(count) % context)
    asked = rng.integers(len(windows), size=count)
    others = text[rng.integers(len(text) - context, size=(count, 1)) + np.arange(context)]
    is_kept = np.arange(context) <= last_kept[:, None]
    again = log_probabilities(program, np.where(is_kept, windows[asked], others))
    off = np.abs(again - answers[asked]).max(axis=2)
    if (off[is_kept] > TOLERANCE).any():
        raise BrokenModelError("the model's predictions change with text that comes later, or are not always the same")


def bits_per_byte(program: Program, text: np.ndarray, rng: np.random.Generator) -> float:
    """The mean of -log2 p(byte) over the sample, each of its bytes but the first predicted once."""
    piece, context = sample(text).astype(np.int64), program.context
    count = len(piece) - 1
    starts = np.arange(0, count, context)
    starts[-1] = count - context  # the last window ends with the piece, and only what is left of it counts
    places = starts[:, None] + np.arange(context)
    windows, order = piece[places], rng.permutation(len(places))  # mixed: neighbours hold each other's answers
    answers = np.empty((*places.shape, BYTES), dtype=np.float32)
    answers[order] = log_probabilities(program, windows[order])
    check_future(program, windows, answers, piece, rng)
    found = -np.take_along_axis(answers, piece[places + 1][:, :, None], axis=2)[:, :, 0]
    nats = np.empty(count, dtype=np.float64)
    nats[places[-1]] = found[-1]
    nats[places[:-1]] = found[:-1]
    bits = float(nats.mean() / math.log(2))
    if bits > MOST_BITS:
        raise BrokenModelError(f"the model needs {bits:.3g} bits per byte; a blind guess needs 8")
    return bits


def main() -> None:
    parser = argparse.ArgumentParser(description="Bits per byte of the exported model; lower is better.")
    parser.add_argument("--split", choices=SPLITS, default="validation")
    parser.add_argument("--target", type=float, help="fail where the model needs more bits per byte than this")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    path = Path(os.environ.get("OVERNIGHT_ARTIFACTS", "artifacts")) / "model.pt"
    text = load(arguments.split)
    try:
        program = Program.read(path, "cuda" if torch.cuda.is_available() else "cpu")
        bits = bits_per_byte(program, text, np.random.default_rng())
    except BrokenModelError as error:
        raise SystemExit(f"score.py: {error}") from None
    if arguments.target is not None and bits > arguments.target:
        raise SystemExit(f"score.py: the model needs {bits:.4f} bits per byte; the target is {arguments.target:g}")
    print(f"scored on {arguments.split} text with sha256 {fingerprint(text)}")
    print(f"model_kb: {path.stat().st_size / 1000:.0f}")
    print(f"val_bpb: {bits:.6f}")


if __name__ == "__main__":
    main()
