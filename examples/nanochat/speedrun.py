"""Trains the model of train.py until it seems good enough, and not a step longer. May be edited, as train.py may.

python speedrun.py 4        stops as soon as 4 bits per byte seem to be reached
"""

from __future__ import annotations

import math
import os
import sys

import torch
import train
from prepare import load
from torch import nn

CHECK_EVERY = 20  # steps
CHECK_WINDOWS = 128
MARGIN = 0.1  # bits that our own estimate must be below the target: text that was not trained on is harder


def bits_on(model: nn.Module, windows: torch.Tensor) -> float:
    """Bits per byte, our own estimate of what score.py will say."""
    model.eval()
    with torch.no_grad():
        loss = train.loss_of(model, windows)
    model.train()
    return loss.item() / math.log(2)


def main() -> None:
    target, text = float(sys.argv[1]), load("train")
    # Text to train on, but a run sees so little of it that none is known by heart.
    windows = torch.from_numpy(text).unfold(0, train.CONTEXT + 1, len(text) // CHECK_WINDOWS).to(train.DEVICE).long()

    def is_enough(model: nn.Module, steps: int) -> bool:
        return steps % CHECK_EVERY == 0 and bits_on(model, windows) < target - MARGIN

    train.use_machine()
    train.export(*train.train(text, int(os.environ.get("OVERNIGHT_SEED", "0")), is_enough))


if __name__ == "__main__":
    main()
