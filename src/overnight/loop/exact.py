"""Keep or discard where the metric repeats exactly: one run decides, and a tie is no improvement.

Several candidates may be on their way at once, each made on top of the incumbent of its time. Gains do not always add
up, so winners stand in line: the first is about to become the incumbent, and each other is put on top of the one
before it and measured again at once, as if that were kept already (merge queues do so with branches). Where it is, all
is measured; where it is not, they are put on top of what is there instead. Of two that do not go together the better
one stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from overnight.fleet.slot import Version
from overnight.judge.words import result_words
from overnight.ledger.records import Judged, Measured, Proposed
from overnight.loop.bench import Bench, Rival
from overnight.loop.carrying import carried_over, is_overtaken
from overnight.loop.crew import InSlot
from overnight.loop.doubt import objection
from overnight.loop.events import ExperimentJudged, VerdictChanged
from overnight.loop.seeds import SEEDS_WANTED, seeds_for
from overnight.loop.undo import dropped
from overnight.loop.weaving import lines_saved
from overnight.repo.candidate import fingerprint

_PAIRS = 2
"""Runs on fresh seeds of a suspicious winner and of the incumbent."""


@dataclass(frozen=True)
class _Result:
    """What a candidate came to beside the version that it was made on."""

    candidate: Proposed
    on: Judged
    """The verdict that made that version the incumbent."""
    value: float
    before: float
    gain: float
    is_wanted: bool
    words: str

    @property
    def version(self) -> Version:
        """What was measured."""
        return Version.of(self.candidate)

    @property
    def numbers(self) -> dict[str, object]:
        """What the verdict says of it."""
        metric = dict.fromkeys(("metric", "metric_low", "metric_high"), self.value)
        return {**metric, "before": self.before, **dict.fromkeys(("gain", "gain_low", "gain_high"), self.gain)}


class ExactCourse:
    """What becomes of candidates; knows those that have won and have no verdict yet."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._line: list[int] = []
        """Winners, each to be kept on top of the one before it. A new session finds them again one by one."""
        self._blocked_by: dict[int, int] = {}
        """Winners that do not go on top of the last in line, and whose verdict they wait for."""

    def decide(self, proposed: Proposed, started: float) -> InSlot[Proposed | None]:
        """Run the candidate, unless that was done before, and write the verdict.

        Gives the candidate back, without a verdict, where it `waits` for others, and where it does not fit the
        incumbent any more and was never measured.
        """
        bench, candidate, alone = self._bench, proposed, None
        for earlier in bench.history.candidates(proposed.number)[:-1]:
            alone = _result(bench, earlier, _run_of(bench, earlier)) or alone
        while True:
            run = _run_of(bench, candidate)
            if run is None and (self._stands_on_open(candidate) or not is_overtaken(bench, candidate)):
                run = yield from _measure(bench, candidate, self._rival_of(candidate))
            if self.waits(candidate):
                return candidate
            result = _result(bench, candidate, run)
            if run is not None and (yield from self._is_judged(candidate, run, result, alone, started)):
                return None
            alone = result or alone
            ahead = self._ahead_of(candidate) if alone is not None else None
            carried = carried_over(bench, candidate, ahead)
            if carried is not None:
                if alone is not None:
                    self._stand_in_line(carried)
                candidate = carried
            elif ahead is not None:
                self._blocked_by[candidate.number] = ahead.number
                return candidate
            elif alone is not None:
                yield from _better_stays(bench, alone, None, started)
                return None
            else:
                return candidate

    def _is_judged(
        self, candidate: Proposed, run: Measured, result: _Result | None, alone: _Result | None, started: float
    ) -> InSlot[bool]:
        """Write the verdict if the run tells it. `alone` is how it won before it was put on something else."""
        if self._bench.history.version_judged(candidate.parent) is None:
            return False
        if result is None or not result.is_wanted:
            yield from _lost(self._bench, candidate, run, result, alone, started)
            return True
        if self._ahead_of(candidate) is not None or is_overtaken(self._bench, candidate):
            return False
        self._stand_in_line(candidate)
        return (yield from _won(self._bench, result, started))

    def waits(self, candidate: Proposed) -> bool:
        """Whether nothing is to be done about a candidate before others have their verdicts."""
        blocker = self._blocked_by.get(candidate.number)
        if blocker is not None and self._is_open(blocker):
            return True
        return self._stands_on_open(candidate) and _run_of(self._bench, candidate) is not None

    def _stands_on_open(self, candidate: Proposed) -> bool:
        return any(number not in self._bench.kept() and self._is_open(number) for number in candidate.inside)

    def _is_open(self, number: int) -> bool:
        return self._bench.history.judged_number(number) is None

    def _stand_in_line(self, candidate: Proposed) -> None:
        if candidate.number not in self._line:
            self._line.append(candidate.number)

    def _ahead_of(self, candidate: Proposed) -> Proposed | None:
        """The winner before it in line, or the last one if it does not stand in line."""
        self._line = [number for number in self._line if self._is_open(number)]
        place = self._line.index(candidate.number) if candidate.number in self._line else len(self._line)
        return self._bench.history.proposed(self._line[place - 1]) if place else None

    def _rival_of(self, candidate: Proposed) -> Rival | None:
        """What it stands on, where versions are compared side by side."""
        bench = self._bench
        if bench.settings.compare is None or not is_overtaken(bench, candidate):
            return bench.rival()
        prints = fingerprint(bench.project.edit_files(candidate.parent))
        return Rival(Version(candidate.parent, prints), candidate.inside)


def recheck(bench: Bench) -> InSlot[None]:
    """Measure the incumbent once more: is it still the same, on this day, on this machine?"""
    incumbent = bench.incumbent()
    version = Version.of(incumbent)
    again = sum(run.role == "incumbent" for run in bench.history.runs(incumbent.number))
    seed = seeds_for(bench.seed, incumbent.number)[(1 + again) % SEEDS_WANTED]
    words = "the incumbent, again"
    kept, rival = bench.kept(), bench.rival()
    yield from bench.measure(version, incumbent.number, "incumbent", seed, words, inside=kept, rival=rival)


def _measure(bench: Bench, candidate: Proposed, rival: Rival | None) -> InSlot[Measured]:
    number, version = candidate.number, Version.of(candidate)
    inside, seed = (*candidate.inside, number), seeds_for(bench.seed, number)[0]
    return (
        yield from bench.measure(version, number, "candidate", seed, candidate.hypothesis, inside=inside, rival=rival)
    )


def _run_of(bench: Bench, candidate: Proposed) -> Measured | None:
    """The run of just this version, if it was made."""
    runs = [run for run in bench.history.runs(candidate.number) if run.role == "candidate"]
    return next((run for run in runs if run.fingerprint == candidate.fingerprint), None)


def _result(bench: Bench, candidate: Proposed, run: Measured | None) -> _Result | None:
    """What a run says of a candidate; None where there is none, or it gave no metric."""
    on = bench.history.version_judged(candidate.parent)
    if run is None or run.value is None or on is None or on.metric is None:
        return None
    settings = bench.settings
    before = on.metric if run.rival is None else run.rival
    gain = settings.gain(run.value, before)
    words = result_words(gain)
    saved = lines_saved(bench.project, candidate) if settings.prefer == "simpler" else 0
    is_wanted = gain > 0 or (saved > 0 and gain >= -settings.margin)
    if is_wanted and gain <= 0:
        words = f"simpler by {saved} {'line' if saved == 1 else 'lines'}, and {words}"
    return _Result(candidate, on, run.value, before, gain, is_wanted, words)


def _lost(
    bench: Bench, candidate: Proposed, run: Measured, result: _Result | None, alone: _Result | None, started: float
) -> InSlot[None]:
    """The verdict on what is no improvement on top of the version that it stands on; `alone` says where it was one."""
    if alone is not None:
        yield from _better_stays(bench, alone, result.words if result else run.reason, started)
    elif result is None:
        yield bench.failed(_record(bench, candidate, started), run)
    else:
        yield bench.write(_record(bench, candidate, started), reason=result.words, **result.numbers)


def _won(bench: Bench, result: _Result, started: float) -> InSlot[bool]:
    """The verdict on an improvement of the incumbent; False where that has changed before one could be given."""
    candidate = result.candidate
    broken, flags = yield from _tried(bench, result)
    if broken:
        reason = f"{broken} (it was {result.words})"
        yield bench.write(_record(bench, candidate, started), reason=reason, flags=flags, **result.numbers)
        return True
    if is_overtaken(bench, candidate):
        return False
    kept = _kept(bench, result, _record(bench, candidate, started))
    told = bench.write(kept, reason=result.words, flags=flags)
    bench.move_branch()
    yield told
    return True


def _tried(bench: Bench, result: _Result) -> InSlot[tuple[str | None, tuple[str, ...]]]:
    return (yield from objection(bench, result.candidate, result.on, result.before, result.gain, pairs=_PAIRS))


def _kept(bench: Bench, result: _Result, judged: Judged) -> Judged:
    return bench.kept_on(result.on, result.version, judged.model_copy(update=result.numbers))


def _better_stays(bench: Bench, alone: _Result, together: str | None, started: float) -> InSlot[None]:
    """A winner does not go together with what was kept while it was measured: which is better?

    `together` says what they came to as one version; None where they change the same lines. Then what goes is to be
    made again on top of what stays.
    """
    why = "they change the same lines" if together is None else f"together they are no improvement ({together})"
    incumbent, candidate = bench.incumbent(), alone.candidate
    judged, other = _record(bench, candidate, started), f"experiment {incumbent.number}"
    gain = bench.settings.gain(alone.value, incumbent.metric or 0.0)
    if bench.settings.compare:
        run = yield from _measure(bench, candidate, bench.rival())
        gain = bench.settings.gain(run.value, run.rival) if run.value is not None and run.rival is not None else 0.0
    if gain <= 0 or alone.on.number not in (0, *bench.kept()):
        reason = f"{alone.words} by itself, but {other}, which was kept meanwhile, is no worse: {why}"
        overtaken_by = incumbent.number if together is None else None
        yield bench.write(judged, reason=reason, overtaken_by=overtaken_by, **alone.numbers)
        return
    broken, flags = yield from _tried(bench, alone)
    if broken:
        yield bench.write(judged, reason=f"{broken} (it was {alone.words})", flags=flags, **alone.numbers)
        return
    if bench.incumbent().commit != incumbent.commit:  # Something else was kept while the guards were tried.
        yield from _better_stays(bench, alone, together, started)
        return
    chain = bench.history.kept()
    later = chain[[0, *(each.number for each in chain)].index(alone.on.number) :]
    reason = f"made way for experiment {candidate.number}, which is better by {gain:.3g}: {why}"
    overtaken_by = candidate.number if together is None else None
    lost = [dropped(bench, each, reason).model_copy(update={"overtaken_by": overtaken_by}) for each in later]
    words = f"{alone.words}; {other}, which was kept meanwhile, made way for it: {why}"
    kept = _kept(bench, alone, judged).model_copy(update={"reason": words, "flags": flags})
    bench.history.append(*lost, kept)
    bench.move_branch()
    for each in lost:
        yield VerdictChanged(each, "keep")
    yield ExperimentJudged(kept)


def _record(bench: Bench, candidate: Proposed, started: float) -> Judged:
    runs = [run for run in bench.history.runs(candidate.number) if run.role == "candidate"]
    return bench.record(candidate, runs, started)
