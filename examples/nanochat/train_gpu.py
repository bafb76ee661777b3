"""Trains the model of train.py at a size for a GPU and five minutes. May be edited, as train.py may."""

from __future__ import annotations

import train

train.CONTEXT = 512
train.LAYERS = 8
train.HEADS = 8
train.WIDTH = 512
train.BATCH_SIZE = 64

if __name__ == "__main__":
    train.main()
