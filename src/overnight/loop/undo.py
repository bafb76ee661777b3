"""A keep taken back by a person, where versions stand on each other: those after it are put together without it."""

from __future__ import annotations

from collections.abc import Callable

from overnight.judge.ties import Ties
from overnight.ledger.records import Judged, Measured, Steered
from overnight.loop.bench import Bench
from overnight.loop.counted import rebased
from overnight.loop.crew import InSlot
from overnight.loop.events import VerdictChanged
from overnight.loop.seeds import seeds_for
from overnight.loop.weaving import commit_of, version_of, weave_of
from overnight.repo.branch import kept_message
from overnight.repo.candidate import fingerprint
from overnight.repo.weave import Weave

Try = Callable[[Bench, Weave, list[Judged], int], InSlot[tuple[Measured | None, str]]]
"""Sees whether what is left works without one experiment: its run, where one is made, and why it does not work."""


def measured_once(bench: Bench, weave: Weave, kept: list[Judged], without: int) -> InSlot[tuple[Measured | None, str]]:
    """See `Try`: where the metric is exact, one run tells."""
    inside = [judged.number for judged in kept]
    version = version_of(bench.project, weave, inside)
    seed = seeds_for(bench.seed, inside[-1])[0]
    words = f"all that is kept, without experiment {without}"
    run = yield from bench.measure(version, inside[-1], "incumbent", seed, words, inside=inside, rival=bench.rival())
    if run.value is None:
        return None, run.reason
    problem = yield from bench.broken_guard(inside[-1], version, [run.model_copy(update={"role": "candidate"})])
    return run, problem or ""


def take_back(bench: Bench, steered: Steered, attempt: Try = measured_once) -> InSlot[None]:
    """Undo the keep that `steered` is about, with all that needs it, and see once whether what is left works.

    Where it does not work by itself, everything kept after it goes too: what came before is known to work.
    """
    history, number = bench.history, steered.number
    kept = history.kept()
    numbers = [judged.number for judged in kept]
    assert number is not None, "a person takes back one experiment"
    weave = weave_of(bench.project, history, numbers)
    ties = Ties(weave.requires(), weave.excludes())
    place = numbers.index(number)
    reasons = {number: words_for(kept[place])}
    reasons |= {
        other: f"needs experiment {number}, which was taken back"
        for other in numbers[place + 1 :]
        if number in ties.closure([other])
    }
    stays, later = kept[:place], [judged for judged in kept[place:] if judged.number not in reasons]
    run = None
    if later:
        run, problem = yield from attempt(bench, weave, [*stays, *later], number)
        if problem:
            reasons |= {judged.number: f"does not work without experiment {number}: {problem}" for judged in later}
            later = []
    lost = [dropped(bench, judged, reasons[judged.number]) for judged in kept if judged.number in reasons]
    moved = _moved(bench, weave, stays, later, lost, run)
    bench.secure(moved)
    history.append(steered, *lost, *moved)
    bench.move_branch()
    for judged in lost:
        yield VerdictChanged(judged, "keep")


def words_for(judged: Judged) -> str:
    """Why an experiment is out of the running, when a person wants that."""
    how = "taken back" if judged.verdict == "keep" else "forbidden"
    return f"{how} by a person (it was: {judged.reason})"


def dropped(bench: Bench, judged: Judged, reason: str) -> Judged:
    """The verdict on a keep that is none any more."""
    proposed = bench.history.proposed(judged.number)
    commit = proposed.commit if proposed else judged.commit
    prints = proposed.fingerprint if proposed else judged.fingerprint
    return judged.model_copy(
        update={"verdict": "discard", "reason": reason, "commit": commit, "fingerprint": prints, "undecided": False}
    )


def _moved(
    bench: Bench, weave: Weave, stays: list[Judged], later: list[Judged], lost: list[Judged], run: Measured | None
) -> list[Judged]:
    """The later keeps on their new ground. What the last one gives was measured, the others are estimated by it."""
    project, metric = bench.project, bench.settings.metric
    last = stays[-1] if stays else bench.history.baseline()
    assert last is not None
    parent, before = last.commit or project.base, last.metric or 0.0
    undone = sum((judged.before or 0.0) - (judged.metric or 0.0) for judged in lost)
    moved: list[Judged] = []
    for place, judged in enumerate(later):
        if bench.settings.live is not None:
            fresh = rebased(judged, before)
        else:
            measured = run.value if run is not None and place == len(later) - 1 else None
            known = measured if measured is not None else (judged.metric or 0.0) + undone
            fresh = dict.fromkeys(("metric", "metric_low", "metric_high"), known)
        after = fresh["metric"]
        files = weave.version([each.number for each in (*stays, *later[: place + 1])])
        message = kept_message(judged.hypothesis, metric, before, after, judged.number)
        parent = commit_of(project, parent, files, message)
        moved.append(
            judged.model_copy(update={**fresh, "before": before, "commit": parent, "fingerprint": fingerprint(files)})
        )
        before = after
    return moved
