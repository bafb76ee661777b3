"""The baseline: what the starting commit gives, in some runs, before anything is proposed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from overnight.fleet.slot import Slot, Version
from overnight.judge.judge import BASELINE_RUNS, EXACT_RUNS
from overnight.ledger.records import Judged
from overnight.loop.bench import Bench, Rival
from overnight.loop.crew import Crew, InSlot, Worker
from overnight.loop.events import ExperimentJudged, SessionEvent
from overnight.loop.hints import baseline_error, guard_error
from overnight.loop.meter import Meter
from overnight.loop.repeats import interval_of, seems_exact
from overnight.loop.seeds import seeds_for
from overnight.loop.weaving import base_version


def measure_baseline(bench: Bench, crew: Crew, slots: Sequence[Worker[Slot]]) -> Iterator[SessionEvent]:
    """Measure the baseline in all slots, side by side as the candidates will be, unless that was done before.

    Raises GoalError where it does not work, or breaks a guard.
    """
    if bench.history.baseline() is not None:
        return
    project = bench.project
    version = base_version(project)
    seeds = seeds_for(bench.seed, 0)[:BASELINE_RUNS]
    for some in (seeds[:EXACT_RUNS], seeds[EXACT_RUNS:]):
        known = {run.seed for run in bench.history.runs(0) if run.outcome == "ok"}
        if len(known) >= EXACT_RUNS and seems_exact(bench.history):
            break
        yield from crew.all_of(slots, [_run(bench, version, seed) for seed in some if seed not in known])
    yield from crew.all_of(slots[:1], [_judged(bench, version)])


def _run(bench: Bench, version: Version, seed: int) -> InSlot[None]:
    rival = Rival(version, ()) if bench.settings.compare else None
    run = yield from bench.measure(version, 0, "baseline", seed, "the baseline", rival=rival)
    if run.outcome != "ok":
        raise baseline_error(bench.project, run)


def _judged(bench: Bench, version: Version) -> InSlot[None]:
    runs = [run for run in bench.history.runs(0) if run.outcome == "ok"]
    broken = yield from bench.broken_guard(0, version, runs)
    if broken:
        raise guard_error(bench.project, broken)
    values = [run.value for run in runs if run.value is not None]
    same = min(values) == max(values)
    low, high = interval_of(runs)
    judged = Judged(
        number=0,
        verdict="baseline",
        reason=f"{len(values)} runs" + (", all the same" if same else f" from {min(values):.6g} to {max(values):.6g}"),
        hypothesis="the baseline",
        metric=Meter.of(bench.settings, runs).level(runs),
        metric_low=low,
        metric_high=high,
        runs=len(runs),
        seconds=math.fsum(run.wall_seconds for run in runs),
        commit=version.commit,
        fingerprint=version.fingerprint,
        peak_mb=max(run.peak_mb for run in runs),
    )
    bench.history.append(judged)
    yield ExperimentJudged(judged)
