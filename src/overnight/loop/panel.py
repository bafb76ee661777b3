"""The open ideas of a session with a noisy metric: what the judge knows of them, and how they are put together.

Several experiments may be under way: each has begun and has no verdict yet, and until then no other one may decide
about its idea.

Nothing is remembered that the ledger does not say: the judge is told all runs again, in their order, and the weave is
made from the candidates' commits.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from random import Random

from overnight.fleet.slot import Version
from overnight.goal.settings import Settings
from overnight.judge.judge import KEPT
from overnight.judge.noise import Interval
from overnight.judge.ties import Ideas, Ties
from overnight.judge.words import verdict_words
from overnight.ledger.history import History
from overnight.ledger.records import Judged, Measured, Proposed
from overnight.loop.meter import Meter
from overnight.loop.project import Project
from overnight.loop.retelling import inside_of, judge_again, tell
from overnight.loop.weaving import commit_of, lines_saved, version_of, weave_of
from overnight.repo.branch import kept_message
from overnight.repo.candidate import fingerprint

_COMPARED_WITH = 8
"""Earlier proposals that a new one is compared with, to see whether ideas can ride along with each other."""
_MOST_STRIKES = 3
"""Crashes of combinations after which an open idea that was in all of them is dropped."""


class Panel:
    """All ideas that may still become a keep, or cease to be one."""

    def __init__(self, project: Project, settings: Settings, history: History, *, seed: int) -> None:
        self._project = project
        self._settings = settings
        self._history = history
        self._seed = seed
        baseline = history.baseline()
        assert baseline is not None, "the baseline is measured before anything is proposed"
        self._baseline = baseline.metric or 0.0
        self._meter = Meter.of(settings, history.baseline_runs())
        self._scale = self._meter.scale
        self.kept: list[int] = [judged.number for judged in history.kept()]
        """The experiments on the branch, in its order."""
        self.judge = judge_again(settings, history, self._meter)
        self.under_way = {number for number in self.judge.open if history.judged_number(number) is None}
        """Experiments that have begun and have no verdict yet."""
        self.flags: dict[int, tuple[str, ...]] = {}
        """What is suspicious about ideas that were about to be kept."""
        self._needs: dict[int, set[int]] = {}
        self._clashes: dict[int, set[int]] = {}
        self._strikes: dict[int, int] = {}
        self._recent: dict[int, frozenset[int]] = {}
        self._weave_again([judged.number for judged in history.judged_last(_COMPARED_WITH)])
        self._crashes_again({*self.judge.open, *self.kept} - self.under_way)
        for number in self.judge.open:
            if proposed := history.proposed(number):
                self._tolerate(proposed)

    def __contains__(self, number: int) -> bool:
        """Whether versions can hold this idea."""
        return number in self._weave

    def ties(self) -> Ties:
        """Which ideas need or exclude others: by the lines they change, or because a combination crashed."""
        requires = {idea: needs | self._needs.get(idea, set()) for idea, needs in self._weave.requires().items()}
        excludes = self._weave.excludes()
        for idea, others in self._clashes.items():
            for other in others:
                excludes.setdefault(idea, set()).add(other)
                excludes.setdefault(other, set()).add(idea)
        return Ties(requires, excludes)

    def begin(self, proposed: Proposed) -> None:
        """A proposal is about to be run. Since it was made, some of what it was made on may have been dropped."""
        number, known = proposed.number, self._weave.ideas
        self.under_way.add(number)
        if number not in known:
            if number > max(known, default=0) and known >= set(proposed.inside):
                self._weave.add(number, proposed.inside, self._project.edit_files(proposed.commit or ""))
            else:  # In the order of their numbers, as after a kill, and knowing whose lines the dropped ones were.
                self._weave_again(self._recent)
        self._tolerate(proposed)

    def own(self, proposed: Proposed) -> Ideas:
        """The version that a candidate is by itself: what it was made on, unless dropped since, and its idea."""
        return frozenset((*(idea for idea in proposed.inside if idea in self), proposed.number))

    def lacks(self, number: int) -> list[int]:
        """The ideas that were dropped although this one cannot be without them."""
        return sorted(need for need in self.ties().closure([number]) if need not in self)

    def _tolerate(self, proposed: Proposed) -> None:
        if self._settings.prefer == "simpler" and lines_saved(self._project, proposed) > 0:
            self.judge.tolerate(proposed.number, self._scale.inner_loss(self._baseline, self._settings.margin))

    def first_version(self, number: int) -> Ideas:
        """The combination in which a new idea is run first."""
        return self.judge.plan(number, self.ties(), Random(f"{self._seed}:{number}"))

    def first_rival(self, number: int) -> Ideas:
        """What that combination is compared with, where the goal says `compare`."""
        return self.judge.rival(self.kept, self.ties(), Random(f"{self._seed}:{number}:rival"))

    def rides(self, number: int) -> bool:
        """Whether ideas like this one can be combined: it is about other lines than most of those before it."""
        mine = self._weave.touched(number)
        clashing = sum(bool(mine & lines) for lines in self._recent.values())
        return bool(self._recent) and 2 * clashing < len(self._recent)

    def version(self, ideas: Iterable[int]) -> Version:
        """A commit that holds these ideas, which no branch points at."""
        return version_of(self._project, self._weave, ideas)

    def combination_failed(self, proposed: Proposed, inside: Ideas) -> list[int]:
        """The candidate runs by itself, but crashed in this combination: never again. Returns ideas to drop for it."""
        number, live = proposed.number, {*self.judge.open, *self.kept}
        own = {number, *live.intersection(proposed.inside)}
        others = live & inside - own
        self._needs.setdefault(number, set()).update(own - inside - {number})
        self._clashes.setdefault(number, set()).update(others)
        for idea in others:
            self._strikes[idea] = self._strikes.get(idea, 0) + 1
        return [idea for idea in sorted(others) if self._strikes[idea] >= _MOST_STRIKES]

    def finish(self, number: int) -> None:
        """An experiment has its verdict: later proposals are compared with it."""
        self.under_way.discard(number)
        self.judge.finish(number)
        if number in self._weave:
            self._recent[number] = self._weave.touched(number)
            if len(self._recent) > _COMPARED_WITH:
                del self._recent[min(self._recent)]

    def drop(self, ideas: Iterable[int]) -> None:
        """These are out of the running."""
        gone = list(ideas)
        self.judge.drop(gone)
        self._weave.remove(gone)
        for idea in gone:
            for memory in (self._needs, self._clashes, self._strikes):
                memory.pop(idea, None)
        for others in (*self._needs.values(), *self._clashes.values()):
            others.difference_update(gone)

    def dependents(self, ideas: Container[int]) -> list[int]:
        """The open ideas that cannot be without one of these, themselves included."""
        ties = self.ties()
        return [other for other in self.judge.open if any(need in ideas for need in ties.closure([other]))]

    def keep(self, chain: Sequence[int], records: dict[int, Judged], *, refresh: bool) -> list[Judged]:
        """The branch is to hold `chain`: verdicts for all keeps from the first that is not in its place.

        `records` has what is known of ideas that have no verdict yet. With `refresh`, every keep gets a new one.
        """
        same = 0
        if not refresh:
            while same < min(len(chain), len(self.kept)) and chain[same] == self.kept[same]:
                same += 1
        before = [self._standing(number, records) for number in chain[:same]]
        parent = (before[-1].commit if before else None) or self._project.base
        metric = before[-1].metric if before and before[-1].metric is not None else self._baseline
        verdicts = []
        for place, number in enumerate(chain[same:], start=same + 1):
            known = self._standing(number, records)
            after = self._after(number, metric)
            files = self._weave.version(chain[:place])
            if refresh and known.verdict == "keep" and chain[:place] == self.kept[:place] and known.commit:
                commit = known.commit
            else:
                message = kept_message(known.hypothesis, self._settings.metric, metric, after, number)
                commit = commit_of(self._project, parent, files, message)
            judged = self.verdict(known, kept=True, before=metric, commit=commit, prints=fingerprint(files))
            reach = self.judge.reach(chain[:place])
            low, high = sorted(self._scale.after(after, step) for step in (-reach, reach))
            verdicts.append(judged.model_copy(update={"metric_low": low, "metric_high": high}))
            parent, metric = commit, after
        return verdicts

    def in_the_way(self, number: int, chain: Sequence[int]) -> int | None:
        """What of `chain` cannot be in one version with an open idea that would be kept otherwise."""
        if self.judge.chance(number) < KEPT:
            return None
        ties = self.ties()
        return max(ties.barred_by(ties.closure([number]), chain), default=None)

    def verdict(
        self,
        known: Judged,
        *,
        kept: bool,
        before: float,
        commit: str | None,
        prints: str | None,
        is_open: bool = True,
        beside: int | None = None,
    ) -> Judged:
        """What is to be said of an open idea now; `beside` is what is `in_the_way`."""
        belief, chance = self.judge.belief(known.number), self.judge.chance(known.number)
        runs = self.judge.runs(known.number)
        inner = self.judge.gain(known.number)
        gain = Interval(*(self._scale.gain(before, each) for each in (inner.mean, inner.low, inner.high)))
        was_kept = known.verdict == "keep" and known.number in self.kept
        reason = verdict_words(belief, chance, gain, runs, kept=kept, was_kept=was_kept, is_open=is_open, beside=beside)
        return known.model_copy(
            update={
                "verdict": "keep" if kept else "discard",
                "reason": reason,
                "metric": self._after(known.number, before),
                "metric_low": None,
                "metric_high": None,
                "before": before,
                "gain": gain.mean,
                "gain_low": gain.low,
                "gain_high": gain.high,
                "commit": commit,
                "fingerprint": prints,
                "flags": self.flags.get(known.number, known.flags),
                "undecided": is_open,
                "overtaken_by": beside,
                "evidence": {
                    "chance": chance,
                    "runs": float(runs),
                    "noise": abs(self._scale.gain(before, self.judge.noise)),
                    "good": self.judge.good_share,
                    "size": abs(self._scale.gain(before, self.judge.typical_size)),
                },
            }
        )

    def gain_over(self, number: int, before: float) -> float:
        """By how much an open idea improves a metric of `before`, in the metric's unit."""
        return self._scale.gain(before, self.judge.gain(number).mean)

    def _after(self, number: int, before: float) -> float:
        return self._scale.after(before, self.judge.gain(number).mean)

    def _standing(self, number: int, records: dict[int, Judged]) -> Judged:
        known = records.get(number) or self._history.judged_number(number)
        assert known is not None
        return known

    def observe(self, run: Measured) -> None:
        """A run was made."""
        tell(self.judge, self._meter, run)

    def _weave_again(self, recent: Iterable[int]) -> None:
        """Weave all that versions may hold, in the order of the numbers; `recent` is what is compared with."""
        live, recent = {*self.judge.open, *self.kept, *self.under_way}, list(recent)
        self._weave = weave_of(self._project, self._history, [*live, *recent])
        self._recent = {number: self._weave.touched(number) for number in recent if number in self._weave}
        self._weave.remove(self._weave.ideas - live)

    def _crashes_again(self, live: set[int]) -> None:
        for number in sorted(live):
            proposed = self._history.proposed(number)
            failed = [run for run in self._history.runs(number) if run.outcome != "ok" and run.role == "candidate"]
            for run in failed:
                if proposed is not None:
                    self.combination_failed(proposed, frozenset(inside_of(run)) & live)
