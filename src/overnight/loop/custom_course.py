"""Keep or discard as a judge of the user's own says: candidate and incumbent are run in turns until it has decided.

The judge sees the metric alone. Guards, the second look at what is suspicious, and the branch are not its business.
What was measured is asked about again when a session goes on, run by run, so that a kill changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from overnight.errors import OvernightError
from overnight.fleet.slot import Version
from overnight.judge.custom import MOST_PAIRS, Ruling, ruling
from overnight.judge.noise import Noise, mean_difference, pooled_noise
from overnight.judge.words import result_words
from overnight.ledger.records import Judged, Measured, Proposed, Role
from overnight.loop.bench import Bench
from overnight.loop.carrying import carried_over, is_overtaken
from overnight.loop.crew import InSlot
from overnight.loop.doubt import objection
from overnight.loop.repeats import mean, repeats_by_chance
from overnight.loop.seeds import seeds_for
from overnight.plugins import Plugin, load

_PAIRS = 3
"""Runs on fresh seeds of a suspicious winner and of the incumbent."""


@dataclass(frozen=True)
class _Pairs:
    """What candidate and incumbent came to on the same seeds, and what the judge says of it."""

    candidate: list[float]
    incumbent: list[float]
    said: Ruling
    is_exact: bool
    why: str = ""
    """Why the judge was not asked any more."""

    def numbers(self, bench: Bench) -> dict[str, object]:
        """The metric, and the gain over the incumbent, as a verdict has them."""
        metric, before = mean(self.candidate), mean(self.incumbent)
        gain = bench.settings.gain(metric, before)
        low = high = gain if self.is_exact else None
        if len(self.candidate) > 1:
            pairs = zip(self.candidate, self.incumbent, strict=True)
            interval = mean_difference([bench.settings.gain(new, old) for new, old in pairs], Noise(0.0, 0))
            low, high = interval.low, interval.high
        sure = dict.fromkeys(("metric_low", "metric_high"), metric if self.is_exact else None)
        evidence = {"pairs": len(self.candidate)}
        return {"metric": metric, **sure, "before": before, "gain": gain, "gain_low": low, "gain_high": high,
                "evidence": evidence}  # fmt: skip


class CustomCourse:
    """Takes experiments from the proposal to the verdict of the judge that the goal names."""

    def __init__(self, bench: Bench, name: str) -> None:
        """Raises OvernightError when no installed package brings such a judge."""
        self._bench = bench
        self._plugin: Plugin = load("judge", name)

    @property
    def noise(self) -> float:
        """Standard deviation of one run, in the metric's unit, as the baseline's runs show it."""
        return pooled_noise([[run.value or 0.0 for run in self._bench.history.baseline_runs()]]).sd

    def decide(self, proposed: Proposed, started: float) -> InSlot[Proposed | None]:
        """Measure until the judge has decided, and write the verdict.

        Gives the candidate back, without a verdict, where it does not fit the incumbent any more: to be proposed anew.
        Raises OvernightError when the judge fails: it would do so again.
        """
        bench, candidate = self._bench, proposed
        while True:
            if is_overtaken(bench, candidate):
                carried = carried_over(bench, candidate)
                if carried is None:
                    return candidate
                candidate = carried
            pairs = yield from self._measured(candidate)
            if is_overtaken(bench, candidate):
                continue
            if isinstance(pairs, Measured):
                made = len(self._runs(candidate, "candidate", candidate.fingerprint))
                yield bench.failed(self._record(candidate, started), pairs, made)
                return None
            words = self._words(pairs)
            if pairs.said != "keep":
                yield bench.write(self._record(candidate, started), reason=words, **pairs.numbers(bench))
                return None
            before = mean(pairs.incumbent)
            gain = bench.settings.gain(mean(pairs.candidate), before)
            on = bench.incumbent()
            broken, flags = yield from objection(bench, candidate, on, before, gain, pairs=_PAIRS)
            if is_overtaken(bench, candidate):  # Something else was kept while the guards were tried.
                continue
            judged = self._record(candidate, started).model_copy(update={**pairs.numbers(bench), "flags": flags})
            if broken:
                yield bench.write(judged, reason=f"{broken} (it was {words})")
                return None
            told = bench.write(bench.kept_on(on, Version.of(candidate), judged), reason=words)
            bench.move_branch()
            yield told
            return None

    def _measured(self, candidate: Proposed) -> InSlot[_Pairs | Measured]:
        """Pairs of runs until the judge has decided, or the run that failed; some may have been made before."""
        bench, on = self._bench, self._bench.incumbent()
        new: list[float] = []
        old: list[float] = []
        is_exact = self._is_exact(on)
        for seed in seeds_for(bench.seed, candidate.number)[:MOST_PAIRS]:
            run = yield from self._run(candidate, "candidate", Version.of(candidate), seed)
            if run.value is None:
                return run
            before = on.metric if is_exact else run.rival
            if before is None and not is_overtaken(bench, candidate):
                other = yield from self._run(candidate, "incumbent", Version.of(on, bench.project.base), seed)
                before = other.value
                if before is None:
                    why = f"the incumbent's own run failed ({other.reason})"
                    return _Pairs([*new, run.value], [*old, on.metric or 0.0], "discard", is_exact, why)
            new, old = [*new, run.value], [*old, on.metric or 0.0 if before is None else before]
            if is_overtaken(bench, candidate):  # All of it is measured again, beside what was kept meanwhile.
                return _Pairs(new, old, "again", is_exact)
            said = self._said(new, old)
            if said != "again":
                return _Pairs(new, old, said, is_exact)
        return _Pairs(new, old, "discard", is_exact, "it is still undecided")

    def _said(self, new: list[float], old: list[float]) -> Ruling:
        sign = -1.0 if self._bench.settings.direction == "lower" else 1.0
        try:
            return ruling(self._plugin.target, [sign * value for value in new], [sign * value for value in old])
        except (Exception, SystemExit) as error:  # Whatever a judge does.
            raise OvernightError(f"{self._plugin.failure(error)}; mend it, nothing is lost") from None

    def _is_exact(self, on: Judged) -> bool:
        """Whether the incumbent need not be run again: nothing has ever moved its metric, nor the baseline's."""
        history = self._bench.history
        baseline = history.baseline_runs()
        own = [run for run in history.runs(on.number) if run.fingerprint == on.fingerprint and run.value is not None]
        values = {on.metric, *(run.value for run in own)}
        same = len({run.value for run in baseline}) == 1 and len(values) == 1
        return same and not self._bench.settings.compare and not repeats_by_chance(baseline)

    def _runs(self, candidate: Proposed, role: Role, fingerprint: str | None) -> list[Measured]:
        made = self._bench.history.runs(candidate.number)
        return [run for run in made if run.role == role and run.fingerprint == fingerprint]

    def _run(self, candidate: Proposed, role: Role, version: Version, seed: int) -> InSlot[Measured]:
        """The run of that version on that seed, made unless it was made before."""
        bench, rival = self._bench, self._bench.rival()
        for run in self._runs(candidate, role, version.fingerprint):
            if run.seed == seed and run.rival_fingerprint == (rival.version.fingerprint if rival else None):
                return run
        number, inside = candidate.number, (*candidate.inside, *((candidate.number,) if role == "candidate" else ()))
        words = candidate.hypothesis
        return (yield from bench.measure(version, number, role, seed, words, inside=inside, rival=rival))

    def _words(self, pairs: _Pairs) -> str:
        count, gain = len(pairs.candidate), self._bench.settings.gain(mean(pairs.candidate), mean(pairs.incumbent))
        how = f"{result_words(gain)} in {count} {'pair' if count == 1 else 'pairs'} of runs"
        if pairs.why:
            return f"{how}, but {pairs.why}"
        return f"{'kept' if pairs.said == 'keep' else 'discarded'} by {self._plugin}: {how}"

    def _record(self, candidate: Proposed, started: float) -> Judged:
        runs = [run for run in self._bench.history.runs(candidate.number) if run.role in ("candidate", "incumbent")]
        return self._bench.record(candidate, runs, started)
