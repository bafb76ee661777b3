"""Keep or discard where the metric repeats exactly: one run decides, and a tie is no improvement."""

from __future__ import annotations

from collections.abc import Iterator

from overnight.fleet.slot import Version
from overnight.ledger.records import Proposed
from overnight.loop.bench import Bench
from overnight.loop.doubt import measured_again
from overnight.loop.events import SessionEvent
from overnight.loop.seeds import SEEDS_WANTED, seeds_for
from overnight.loop.suspicion import suspicions
from overnight.loop.weaving import lines_saved
from overnight.repo.branch import kept_message

_PAIRS = 2
"""Runs on fresh seeds of a suspicious winner and of the incumbent."""


def decide_exactly(bench: Bench, proposed: Proposed, started: float) -> Iterator[SessionEvent]:
    """Run the candidate, unless that was done before, and write the verdict."""
    settings, number = bench.settings, proposed.number
    version = Version(proposed.commit or "", proposed.fingerprint or "")
    if not any(run.role == "candidate" for run in bench.history.runs(number)):
        inside, seed = (*proposed.inside, number), seeds_for(bench.seed, number)[0]
        steps = bench.measure(
            version, number, "candidate", seed, proposed.hypothesis, inside=inside, rival=bench.rival()
        )
        yield from steps
    runs = [run for run in bench.history.runs(number) if run.role == "candidate"]
    run, incumbent, judged = runs[0], bench.incumbent(), bench.record(proposed, runs, started)
    if run.value is None or incumbent.metric is None:
        yield bench.failed(judged, run)
        return
    before = incumbent.metric if run.rival is None else run.rival
    gain = settings.gain(run.value, before)
    reason, broken = _in_words(gain), None
    saved = lines_saved(bench.project, proposed) if settings.prefer == "simpler" else 0
    wanted = gain > 0 or (saved > 0 and gain >= -settings.margin)
    if wanted and gain <= 0:
        reason = f"simpler by {saved} {'line' if saved == 1 else 'lines'}, and {reason}"
    if wanted:
        yield from bench.guards_start(number)
        broken = bench.broken_guard(version, runs)
    flags: tuple[str, ...] = ()
    if wanted and not broken:
        flags = suspicions(bench.project, settings, bench.history, proposed, before, gain)
        if flags and gain > 0:
            other = Version(incumbent.commit or bench.project.base, incumbent.fingerprint or "")
            problem = yield from measured_again(bench, proposed, version, other, pairs=_PAIRS)
            broken = f"suspicious, since {flags[0]}; {problem}" if problem else None
    numbers: dict[str, object] = {
        "flags": flags,
        "metric": run.value,
        "metric_low": run.value,
        "metric_high": run.value,
        "before": before,
        "gain": gain,
        "gain_low": gain,
        "gain_high": gain,
    }
    if not wanted or broken:
        yield bench.write(judged, reason=f"{broken} (it was {reason})" if broken else reason, **numbers)
        return
    message = kept_message(proposed.hypothesis, settings.metric, before, run.value, number)
    tree = bench.project.repository.tree_of(version.commit)
    commit = bench.project.repository.commit_tree(incumbent.commit or bench.project.base, tree, message)
    bench.secure([judged.model_copy(update={"commit": commit})])
    yield bench.write(judged, verdict="keep", reason=reason, commit=commit, **numbers)
    bench.move_branch()


def recheck(bench: Bench) -> Iterator[SessionEvent]:
    """Measure the incumbent once more: is it still the same, on this day, on this machine?"""
    incumbent = bench.incumbent()
    version = Version(incumbent.commit or "", incumbent.fingerprint or "")
    again = sum(run.role == "incumbent" for run in bench.history.runs(incumbent.number))
    seed = seeds_for(bench.seed, incumbent.number)[(1 + again) % SEEDS_WANTED]
    words = "the incumbent, again"
    kept, rival = bench.kept(), bench.rival()
    yield from bench.measure(version, incumbent.number, "incumbent", seed, words, inside=kept, rival=rival)


def _in_words(gain: float) -> str:
    return f"better by {gain:.3g}" if gain > 0 else "a tie" if gain == 0 else f"worse by {-gain:.3g}"
