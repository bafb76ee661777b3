"""The seeds that runs see as OVERNIGHT_SEED."""

from __future__ import annotations

import hashlib

SEEDS_WANTED = 16
"""How many an experiment may use; its candidate and the incumbent it is compared with use the same ones in turn."""


def seeds_for(session_seed: int, number: int) -> list[int]:
    """The seeds of one experiment: fixed by the session's seed, different for every experiment, in 0 … 2³¹ − 1."""
    digest = hashlib.shake_128(f"{session_seed}/{number}".encode()).digest(4 * SEEDS_WANTED)
    return [int.from_bytes(digest[start : start + 4]) >> 1 for start in range(0, len(digest), 4)]
