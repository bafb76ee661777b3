"""What a trial among people comes to: one look's counts in, a verdict and its figures out. Nothing is done here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from overnight.fleet.limits import broken_limit
from overnight.goal.durations import format_duration
from overnight.goal.sections import LiveSettings
from overnight.goal.settings import Settings
from overnight.judge.sequential import answer, odd_if_alike, ratio
from overnight.ledger.records import Judged, Measured
from overnight.loop.counted import chained, counts_words, evidence, ratio_words, sides, split_problem


@dataclass(frozen=True)
class Decision:
    """What is to become of a candidate, and why."""

    verdict: Literal["keep", "discard", "invalid", "crash"]
    reason: str


def is_enough(live: LiveSettings, run: Measured) -> bool:
    """Whether as many people have met each version as the goal wants before anything is decided."""
    return min(side.people for side in sides(run)) >= live.min_samples


def conversions(run: Measured) -> float:
    """How many people have done what is hoped for, of either version."""
    return sum(side.conversions for side in sides(run))


def flaw_of_baseline(settings: Settings, run: Measured, elapsed: float) -> str | None:
    """Why nothing can be decided with these commands, as the baseline beside itself shows; None when all is well.

    `elapsed` is the share of the window that is over.
    """
    live = _live(settings)
    flaw = split_problem(run) or broken_limit(settings.guards, run.metrics)
    if flaw:
        return flaw
    if odd_if_alike(*sides(run)):
        return f"two equal versions do not come out alike ({counts_words(run)}), so something is counted wrongly"
    if elapsed < 1:
        return None
    within = f"within {format_duration(live.window)}"
    if not is_enough(live, run):
        return (
            f"only {counts_words(run)} {within}, and `min_samples` is {live.min_samples}: make it smaller or `window` "
            "longer"
        )
    return None if conversions(run) else f"nobody has done it {within} ({counts_words(run)})"


def decided(settings: Settings, run: Measured, elapsed: float) -> Decision | None:
    """What is to become of a candidate; None when it stays out. `elapsed` is the share of the window that is over."""
    live = _live(settings)
    broken = broken_limit(settings.guards, run.metrics)
    if broken:
        return Decision("discard", f"rolled back: {broken} ({counts_words(run)})")
    split = split_problem(run)
    if split:
        return Decision("invalid", split)
    candidate, incumbent = sides(run)
    known = answer(
        candidate,
        incumbent,
        more_is_better=settings.direction == "higher",
        enough=live.min_samples,
        elapsed=min(elapsed, 1.0),
    )
    effect = f"{ratio_words(ratio(candidate, incumbent))}, {counts_words(run)}"
    within = f"within {format_duration(live.window)}"
    match known:
        case "better":
            return Decision("keep", f"better: {effect}")
        case "worse":
            return Decision("discard", f"probably worse: {effect}")
        case "hopeless":
            return Decision("discard", f"not likely to be shown better {within}: {effect}")
    if elapsed < 1:
        return None
    if not is_enough(live, run):
        return Decision("discard", f"met by fewer than {live.min_samples} people each {within}: {counts_words(run)}")
    return Decision("discard", f"not shown to be better {within}: {effect}")


def figures(settings: Settings, before: Judged, run: Measured | None) -> dict[str, object]:
    """The metric as a chain of ratios from the baseline's rate on: rates of other days cannot be compared."""
    if run is None or before.metric is None:
        return {}
    metric = before.metric
    effect = ratio(*sides(run))
    after = min(metric * effect.estimate, 1.0)
    gains = sorted(settings.gain(metric * bound, metric) for bound in (effect.low, effect.high))
    low, high = (chained(before, after, effect, side) for side in (-1, 1))
    return {
        "metric": after,
        "metric_low": low,
        "metric_high": high,
        "before": metric,
        "gain": settings.gain(after, metric),
        "gain_low": gains[0] if math.isfinite(gains[0]) else None,
        "gain_high": gains[1] if math.isfinite(gains[1]) else None,
        "evidence": evidence(run, more_is_better=settings.direction == "higher"),
    }


def _live(settings: Settings) -> LiveSettings:
    assert settings.live is not None, "only in a live goal do people decide"
    return settings.live
