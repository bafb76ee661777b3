"""A winner looked at before it is kept: its guards, and where it is suspicious, beside what it would replace once more.

Not by the `verify:` scorer: what that says decides nothing, or the agent would learn of it.
"""

from __future__ import annotations

from overnight.fleet.slot import Version
from overnight.ledger.records import Judged, Proposed, Role
from overnight.loop.bench import Bench, Rival
from overnight.loop.crew import InSlot
from overnight.loop.repeats import mean
from overnight.loop.seeds import seeds_for
from overnight.loop.suspicion import suspicions

_NOBODYS = -(10**9)
"""Numbers below have seeds that neither experiments nor verifications use."""


def objection(
    bench: Bench, winner: Proposed, on: Judged, before: float, gain: float, *, pairs: int
) -> InSlot[tuple[str | None, tuple[str, ...]]]:
    """Why a winner must not be kept on top of the version of `on` after all, if so; and what is suspicious about it."""
    version = Version.of(winner)
    runs = [run for run in bench.history.runs(winner.number) if run.fingerprint == winner.fingerprint]
    broken = yield from bench.broken_guard(winner.number, version, runs)
    if broken:
        return broken, ()
    flags = suspicions(bench.project, bench.settings, bench.history, winner, before, gain)
    if not flags or gain <= 0:
        return None, flags
    problem = yield from measured_again(bench, winner, version, Version.of(on, bench.project.base), pairs=pairs)
    return f"suspicious, since {flags[0]}; {problem}" if problem else None, flags


def measured_again(
    bench: Bench, proposed: Proposed, winner: Version, other: Version, *, pairs: int
) -> InSlot[str | None]:
    """Measure `pairs` pairs. Returns why the winner is no winner after all; None when it is better again."""
    number, settings = proposed.number, bench.settings
    roles: dict[Role, Version] = {"verify_incumbent": other, "verify_candidate": winner}
    if settings.compare:
        del roles["verify_incumbent"]  # It is measured beside the winner.
    for seed in seeds_for(bench.seed, _NOBODYS - number)[:pairs]:
        for role, version in roles.items():
            made = {(run.role, run.seed) for run in bench.history.runs(number)}
            if (role, seed) not in made:
                rival = Rival(other, ()) if settings.compare else None
                yield from bench.measure(version, number, role, seed, proposed.hypothesis, rival=rival)
    runs = bench.history.runs(number)
    winners = [run for run in runs if run.role == "verify_candidate"]
    others = [run for run in runs if run.role == "verify_incumbent"]
    new = [run.value for run in winners if run.value is not None]
    old = [value for value in (*(run.value for run in others), *(run.rival for run in winners)) if value is not None]
    if len(new) < pairs or not old:
        return next((run.reason for run in (*winners, *others) if run.value is None), "it gave no metric")
    gain = settings.gain(mean(new), mean(old))
    return None if gain > 0 else f"on fresh seeds it is not better ({mean(new):.6g} beside {mean(old):.6g})"
