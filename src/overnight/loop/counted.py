"""What people did, as one look has counted it: in numbers for the judge, in words for the ledger."""

from __future__ import annotations

import math

from overnight.judge.sequential import BROKEN, Ratio, Side, chance_of_more, is_broken
from overnight.ledger.records import Judged, Measured


def sides(run: Measured) -> tuple[Side, Side]:
    """The candidate and the incumbent."""
    people, others = run.trials or 0.0, run.rival_trials or 0.0
    return Side(round((run.value or 0.0) * people), people), Side(round((run.rival or 0.0) * others), others)


def counts_words(run: Measured) -> str:
    """`38 of 402 people, beside 31 of 400`."""
    candidate, incumbent = sides(run)
    return (
        f"{candidate.conversions:,.0f} of {candidate.people:,.0f} people, "
        f"beside {incumbent.conversions:,.0f} of {incumbent.people:,.0f}"
    )


def ratio_words(ratio: Ratio) -> str:
    """`+22 % (95 % interval +5 to +41 %)`."""
    high = f"to {_percent(ratio.high)}" if math.isfinite(ratio.high) else "or more"
    return f"{_percent(ratio.estimate)} (95 % interval {_percent(ratio.low)} {high})"


def _percent(factor: float) -> str:
    return f"{100 * (factor - 1):+.3g} %"


def split_problem(run: Measured) -> str | None:
    """Why the counts say nothing: people did not meet the two versions by the toss of a fair coin."""
    candidate, incumbent = sides(run)
    if not is_broken(candidate.people, incumbent.people):
        return None
    return (
        f"the split is broken: {candidate.people:,.0f} people met the candidate and {incumbent.people:,.0f} the "
        f"incumbent, which a fair coin does less than once in {BROKEN:,.0f} times; nothing can be concluded"
    )


def evidence(run: Measured, *, more_is_better: bool) -> dict[str, float]:
    """The counts that a verdict stands on, and the chance that the candidate is better."""
    candidate, incumbent = sides(run)
    chance = chance_of_more(*((candidate, incumbent) if more_is_better else (incumbent, candidate)))
    return {
        "people": candidate.people,
        "conversions": candidate.conversions,
        "rival_people": incumbent.people,
        "rival_conversions": incumbent.conversions,
        "chance": chance,
    }


def rebased(judged: Judged, before: float) -> dict[str, float]:
    """The metric of a keep and its bounds where the incumbent's was `before`: the ratio is what people have shown."""
    factor = before / judged.before if judged.before else 1.0
    known = {"metric": judged.metric, "metric_low": judged.metric_low, "metric_high": judged.metric_high}
    return {name: min(value * factor, 1.0) for name, value in known.items() if value is not None}


def chained(before: Judged, after: float, effect: Ratio, side: int) -> float | None:
    """A bound of a metric that is a chain of ratios: on the log scale, what is not known of each adds up in squares."""
    bound = effect.low if side < 0 else effect.high
    earlier = before.metric_low if side < 0 else before.metric_high
    if not (before.metric and earlier and bound and math.isfinite(bound)):
        return None
    reach = math.hypot(math.log(earlier / before.metric), math.log(bound / effect.estimate))
    return min(after * math.exp(side * reach), 1.0)
