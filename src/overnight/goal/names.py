"""What a metric's name says about it: whether lower or higher is better, and whether it is a mere counter."""

from __future__ import annotations

import re

from overnight.goal.settings import Direction


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BAD = _words("error errors err loss losses miss misses fail failures failed regret penalty cost crashes violations")
_GOOD = _words(
    """accuracy acc auc auroc f1 ndcg map mrr recall precision score scores rate throughput r2 reward return
    returns sharpe profit iou dice bleu rouge psnr ssim hits wins solved passed elo speedup qps rps ops tps
    fps mfu coverage fitness quality correct likes conversions conversion replies signups sales orders revenue
    clicks ctr"""
)
_SMALL = _words(
    """bpb bpc nll ppl perplexity rmse mse mae mape wer cer seconds second secs sec ms us ns millis
    milliseconds microseconds time runtime latency duration p50 p90 p95 p99 bytes size kb mb gb memory vram
    ram distance dist length lines instructions cycles gap allocations minutes"""
)

KNOWN_WORDS = _BAD | _GOOD | _SMALL
"""Words that can be a metric's whole name in a sentence. Others must look like an identifier."""

_COUNTERS = re.compile(
    r"(?:num|n|total|training|elapsed|wall|peak|max|min|baseline|mfu|step|epoch|seed|iter|lr|depth|budget)(?:_|s?$)",
    re.IGNORECASE,
)


def direction_of(name: str) -> Direction | None:
    """Which way is better for a metric so named, or None where the name does not say."""
    parts = [part for part in re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()) if part]
    if any(part in _BAD for part in parts):
        return "lower"  # error_rate, miss_rate: what is counted is bad
    if "per" in parts[1:]:
        return _direction_of_ratio(parts)
    for part in reversed(parts):
        if part in _GOOD:
            return "higher"
        if part in _SMALL:
            return "lower"
    return None


def _direction_of_ratio(parts: list[str]) -> Direction | None:
    """`tokens_per_sec` is a speed and wants to be high; `bytes_per_token` and `ms_per_step` are prices."""
    if parts[0] in _SMALL:
        return "lower"
    return "higher" if parts[-1] in _SMALL or parts[-1] in ("s", "m", "h", "minute", "hour", "day") else None


def is_counter(name: str) -> bool:
    """Whether it looks like something printed beside the metric: a step count, a wall time, a peak."""
    return bool(_COUNTERS.match(name))
