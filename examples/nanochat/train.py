"""Trains a small GPT on bytes until the budget is used up, and exports it. This is the one file that may be edited."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and PyTorch load

import numpy as np
import torch
from prepare import BYTES, load, until_budget_ends
from program import record
from torch import nn
from torch.nn import functional as F

CONTEXT = 64  # bytes the model looks back
LAYERS = 4
HEADS = 4
WIDTH = 64
MLP_RATIO = 4
ACTIVATION = "gelu"  # try: gelu, relu, silu
DROPOUT = 0.1
BIAS = True
TIE_WEIGHTS = False  # the same matrix at both ends of the model
INIT_STD = 0.02

BATCH_SIZE = 16
LEARNING_RATE = 3e-4
WARMUP = 0.0  # part of the run in which the learning rate rises
USE_LR_DECAY = False  # bring the learning rate down along a cosine
WEIGHT_DECAY = 0.1
BETA1 = 0.9
BETA2 = 0.999
GRAD_CLIP = 1.0

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=BIAS)
        self.out = nn.Linear(WIDTH, WIDTH, bias=BIAS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, length, width = x.shape
        heads = (part.view(rows, length, HEADS, width // HEADS).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=2))
        mixed = F.scaled_dot_product_attention(*heads, is_causal=True)
        return self.out(mixed.transpose(1, 2).reshape(rows, length, width))


class MLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(WIDTH, MLP_RATIO * WIDTH, bias=BIAS)
        self.down = nn.Linear(MLP_RATIO * WIDTH, WIDTH, bias=BIAS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.down(getattr(F, ACTIVATION)(self.up(x)))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(WIDTH), Attention()
        self.norm2, self.mlp = nn.LayerNorm(WIDTH), MLP()
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.dropout(self.attention(self.norm1(x)))
        return x + self.dropout(self.mlp(self.norm2(x)))


class GPT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bytes = nn.Embedding(BYTES, WIDTH)
        self.positions = nn.Embedding(CONTEXT, WIDTH)
        self.dropout = nn.Dropout(DROPOUT)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, BYTES, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=INIT_STD)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        if TIE_WEIGHTS:
            self.head.weight = self.bytes.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.bytes(tokens) + self.positions(torch.arange(tokens.shape[1], device=tokens.device))
        logits: torch.Tensor = self.head(self.norm(self.blocks(self.dropout(x))))
        return logits


def learning_rate_at(progress: float) -> float:
    """The schedule follows the budget used up, not a count of steps: a slow machine sees all of it too."""
    rate = LEARNING_RATE
    if progress < WARMUP:
        rate *= progress / WARMUP
    if USE_LR_DECAY:
        rate *= (1 + math.cos(math.pi * progress)) / 2
    return rate


def loss_of(model: nn.Module, windows: torch.Tensor) -> torch.Tensor:
    """The mean cross-entropy in nats of predicting each byte of the windows but the first."""
    with torch.autocast(DEVICE, torch.bfloat16, enabled=DEVICE == "cuda"):
        logits = model(windows[:, :-1])
    return F.cross_entropy(logits.float().flatten(0, 1), windows[:, 1:].flatten())


def train(
    text: np.ndarray, seed: int, is_enough: Callable[[nn.Module, int], bool] | None = None
) -> tuple[nn.Module, int]:
    """The trained model, and how many steps it took. Ends before the budget where it is said to be good enough."""
    torch.manual_seed(seed)
    data = torch.from_numpy(text).to(DEVICE)
    model = GPT().to(DEVICE)
    compiled = torch.compile(model) if DEVICE == "cuda" else model
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=LEARNING_RATE, betas=(BETA1, BETA2), weight_decay=WEIGHT_DECAY, fused=DEVICE == "cuda"
    )
    offsets = torch.arange(CONTEXT + 1, device=DEVICE)
    steps = 0
    for progress in until_budget_ends(on_gpu=DEVICE == "cuda"):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(progress)
        starts = torch.randint(len(data) - CONTEXT, (BATCH_SIZE, 1), device=DEVICE)
        loss = loss_of(compiled, data[starts + offsets].long())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), GRAD_CLIP)
        optimizer.step()
        steps += 1
        if is_enough is not None and is_enough(model, steps):
            break
    return model, steps


def export(model: nn.Module, steps: int) -> None:
    """Writes what score.py needs to run the model by itself."""
    record(model, CONTEXT, Path(os.environ.get("OVERNIGHT_ARTIFACTS", "artifacts")) / "model.pt")
    print(f"steps: {steps}")
    print(f"weights: {sum(weight.numel() for weight in model.parameters())}")


def use_machine() -> None:
    """One thread, since a run shall not depend on what else the machine is doing; on a GPU, its fast products."""
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("high")


def main() -> None:
    use_machine()
    export(*train(load("train"), seed=int(os.environ.get("OVERNIGHT_SEED", "0"))))


if __name__ == "__main__":
    main()
