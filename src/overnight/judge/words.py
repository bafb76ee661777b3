"""A belief in words: why something was kept, dropped, or left open."""

from __future__ import annotations

from overnight.judge.judge import HOPELESS, KEPT, PROVEN, TAKEN_BACK
from overnight.judge.noise import Interval
from overnight.judge.prior import Belief
from overnight.judge.sequential import BETTER, BROKEN, WORSE

RULE = f"kept from a chance of {KEPT:.0%} on, taken back below {TAKEN_BACK:.0%}, dropped below {HOPELESS:.0%}".replace(
    "%", " %"
)

LIVE_RULE = (
    f"kept when a wager against no difference has grown {BETTER:.0f} times, dropped when one against no harm has grown "
    f"{WORSE:.0f} times; void when people were split as a fair coin does less than once in {BROKEN:,.0f} times"
)


def result_words(gain: float) -> str:
    """What was measured, in a word; positive is better, in the metric's unit."""
    return f"better by {gain:.3g}" if gain > 0 else "a tie" if gain == 0 else f"worse by {-gain:.3g}"


def verdict_words(
    belief: Belief,
    chance: float,
    gain: Interval,
    runs: int,
    *,
    kept: bool,
    was_kept: bool,
    is_open: bool,
    beside: int | None = None,
) -> str:
    """The reason for a verdict. `chance` is that of being welcome, which is larger than that of being better where the
    idea makes things simpler; `gain` is in the metric's unit, `runs` is how many held the idea, and `is_open` says that
    further runs may still change it. `beside` is a kept idea for whose sake alone this one is not kept."""
    bounds = f"95 % interval {gain.low:.3g} to {gain.high:.3g}, {runs} {'run' if runs == 1 else 'runs'} with it"
    if kept and chance > belief.good and belief.good < KEPT:
        return f"simpler, and not worse than the margin allows: better by {gain.mean:.3g} ({bounds})"
    if kept and belief.good >= PROVEN:
        return f"better by {gain.mean:.3g} ({bounds})"
    if kept:
        return f"probably better by {gain.mean:.3g} (chance {percent(belief.good)}, {bounds}); provisional"
    taken_back = "taken back: " if was_kept else ""
    if beside is not None:
        return (
            f"{taken_back}better by {gain.mean:.3g} ({bounds}), but it does not go together with experiment {beside}, "
            "which is kept"
        )
    if is_open:
        return (
            f"{taken_back}not proven: better with a chance of {percent(belief.good)} ({bounds}); stays in the running"
        )
    if belief.good >= HOPELESS:
        return f"{taken_back}too little promise for more runs: chance {percent(belief.good)} ({bounds})"
    if belief.void > 0.5:
        return f"{taken_back}no better ({bounds})"
    return f"{taken_back}worse by {-gain.mean:.3g} ({bounds})"


def percent(chance: float) -> str:
    """A chance that is never called 0 or 100 %."""
    return "over 99 %" if chance > 0.99 else "under 1 %" if chance < 0.01 else f"{chance:.0%}".replace("%", " %")
