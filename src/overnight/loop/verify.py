"""Is the gain real? Baseline and best measured again side by side, on seeds that nobody has used."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from overnight.errors import SessionError
from overnight.fleet.slot import Version
from overnight.judge.noise import Noise, mean_difference
from overnight.ledger.records import Measured, Role, Verified
from overnight.loop.again import Again, measuring_again
from overnight.loop.events import RunFinished, RunStarted
from overnight.loop.repeats import mean, seems_exact
from overnight.loop.seeds import SEEDS_WANTED, seeds_for
from overnight.loop.state import State

MOST_PAIRS = SEEDS_WANTED
DEFAULT_PAIRS = 5


@dataclass(frozen=True)
class VerificationDone:
    """The last event: what it says is in the ledger."""

    verified: Verified


def verify(
    state: State, session: str | None, *, pairs: int, should_stop: Callable[[], bool]
) -> Iterator[RunStarted | RunFinished | VerificationDone]:
    """Measure `pairs` pairs (two where both versions repeat exactly) and write the result down.

    Raises SessionError when there is nothing to verify or a run fails, Interrupted when asked to stop.
    """
    with measuring_again(state, session, should_stop) as again:
        history, best = again.history, again.kept[-1]
        baseline = history.baseline()
        assert baseline is not None, "nothing is kept before the baseline is known"
        versions: dict[Role, tuple[Version, int]] = {
            "verify_baseline": (Version.of(baseline), 0),
            "verify_best": (Version.of(best), best.number),
        }
        values: dict[Role, list[float]] = {role: [] for role in versions}
        # Negative numbers are no experiments: these seeds are nobody else's.
        compares = again.settings.compare is not None
        for index, seed in enumerate(seeds_for(again.started.seed, -1 - history.count("verified"))[:pairs]):
            for role in sorted(versions, reverse=index % 2 == 1):
                if compares and role == "verify_baseline":
                    continue  # It is measured beside the best.
                version, number = versions[role]
                rival = versions["verify_baseline"][0] if compares else None
                measured = yield from again.measure(version, number, role, seed, _WORDS[role], rival=rival)
                values[role].append(_value(measured))
                if measured.rival is not None:
                    values["verify_baseline"].append(measured.rival)
            if index == 1 and seems_exact(history) and all(min(each) == max(each) for each in values.values()):
                break  # Both repeat exactly: more runs would say the same.
        verified = _result(again, values, versions)
        history.append(verified)
        yield VerificationDone(verified)


_WORDS: dict[Role, str] = {"verify_baseline": "the baseline, again", "verify_best": "the best version, again"}


def _value(measured: Measured) -> float:
    if measured.value is None:
        raise SessionError(f"{_WORDS[measured.role]} gave no metric: {measured.reason}; nothing was concluded")
    return measured.value


def _result(again: Again, values: dict[Role, list[float]], versions: dict[Role, tuple[Version, int]]) -> Verified:
    old, new = values["verify_baseline"], values["verify_best"]
    baseline, best = mean(old), mean(new)
    gains = [again.settings.gain(after, before) for before, after in zip(old, new, strict=True)]
    interval = mean_difference(gains, Noise(0.0, 0))
    return Verified(
        baseline_commit=versions["verify_baseline"][0].commit,
        best_commit=versions["verify_best"][0].commit,
        command=again.command,
        baseline=baseline,
        best=best,
        pairs=len(gains),
        percent=_percent(interval.mean, baseline),
        percent_low=_percent(interval.low, baseline),
        percent_high=_percent(interval.high, baseline),
    )


def _percent(gain: float, baseline: float) -> float | None:
    return 100 * gain / abs(baseline) if baseline and math.isfinite(gain) else None
