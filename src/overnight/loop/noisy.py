"""Keep or discard under noise: each run holds many ideas, and verdicts may change as long as there are runs to come.

Several experiments may be under way, each a generator that rests while its run is made, a guard is tried or a doubt
looked into. Between two events nothing else happens; after each, others may have kept, dropped or settled ideas, so
what to do next is always worked out from what is known by then. A run is told to the judge as soon as it is in the
ledger: told again in the ledger's order, the judge comes out the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from overnight.judge.effects import NONE
from overnight.judge.ties import Ideas
from overnight.ledger.history import VERIFYING
from overnight.ledger.records import Judged, Measured, Proposed, Role, Settled, Steered
from overnight.loop.bench import Bench, Rival
from overnight.loop.crew import InSlot
from overnight.loop.doubt import measured_again
from overnight.loop.events import ExperimentJudged, SessionEvent, VerdictChanged
from overnight.loop.panel import Panel
from overnight.loop.seeds import seeds_for
from overnight.loop.suspicion import suspicions
from overnight.loop.undo import words_for

_PAIRS = 5
"""Runs on fresh seeds of a suspicious winner and of what it would replace."""
_Pair = tuple[Ideas, Ideas]
"""What the version to run holds, and what the one it is compared with holds."""


class NoisyCourse:
    """Takes experiments from the proposal to the verdict, and keeps all earlier verdicts true on the way."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._panel = Panel(bench.project, bench.settings, bench.history, seed=bench.seed)
        self._compares = bench.settings.compare is not None
        self._on_trial: set[int] = set()
        """Ideas that some experiment is about to keep: it alone tries guards on them."""
        self._leaving: set[int] = set()
        """What a person has asked to be taken out, while that is under way."""

    @property
    def noise(self) -> float:
        """Standard deviation of one run, in the metric's unit."""
        return self._panel.judge.noise

    def decide(self, proposed: Proposed, started: float) -> InSlot[None]:
        """Run the idea among others, or in turns with the incumbent, until the judge has seen enough of it."""
        bench, panel, number = self._bench, self._panel, proposed.number
        panel.begin(proposed)
        while True:
            runs = [run for run in bench.history.runs(number) if run.role not in VERIFYING]
            mine = [run for run in runs if number in (run.inside or ())]
            failed = [run for run in mine if run.outcome != "ok"]
            own = panel.own(proposed)
            alone = next((run for run in failed if _is_alone(run, proposed, own)), None)
            if alone is not None:
                panel.drop(panel.dependents([number]) or [number])
                panel.finish(number)
                yield bench.failed(bench.record(proposed, runs, started), alone, len(mine))
                return
            if panel.lacks(number):
                break
            pair = self._first(number, own if failed else None) if len(mine) == len(failed) else None
            pair = pair or self._again(number, own, runs)
            if pair is None:
                break
            yield from self._measure_combination(proposed, pair, runs)
        unfit = [panel.combination_failed(proposed, frozenset(run.inside or ())) for run in failed]
        record = bench.record(proposed, runs, started)
        yield from self._settle({number: record}, unfit={idea for ideas in unfit for idea in ideas})

    def take_out(self, steered: Steered) -> InSlot[None]:
        """A person wants an idea out that is kept or open: it is in no version any more, nor is what needs it."""
        number = steered.number
        known = self._bench.history.judged_number(number) if number is not None else None
        assert known is not None, "only what has a verdict can be taken out"
        self._leaving.add(known.number)
        try:
            yield from self._settle({}, steered=steered, unwanted={known.number: words_for(known)})
        finally:
            self._leaving.discard(known.number)

    def close_night(self) -> InSlot[None]:
        """The session is finished: what is kept is decided on all that is known by now, and written down."""
        yield from self._settle({}, at_last=True)

    def _first(self, number: int, alone: Ideas | None) -> _Pair:
        """The version in which an idea is run first, and what it is compared with if the goal compares."""
        panel = self._panel
        if alone is not None:
            return alone, alone - {number}
        return panel.first_version(number), panel.first_rival(number) if self._compares else NONE

    def _again(self, number: int, own: Ideas, runs: list[Measured]) -> _Pair | None:
        """The next version to run for an idea that has been run; None when that was enough."""
        panel, last = self._panel, runs[-1]
        if any(run.outcome != "ok" and run.role == "incumbent" for run in runs):
            return None
        same = frozenset(last.inside or ()), frozenset(last.against or ())
        is_possible = last.outcome == "ok" and all(idea in panel for idea in same[0] | same[1])
        if is_possible and panel.judge.wants_repeat(number):
            return same
        if panel.rides(number):
            return None
        incumbent = own - {number}
        version = panel.judge.duel(number, incumbent)
        return None if version is None else (version, incumbent)

    def _measure_combination(self, proposed: Proposed, pair: _Pair, runs: list[Measured]) -> InSlot[None]:
        inside, against = pair
        role: Role = "candidate" if proposed.number in inside else "incumbent"
        # The n-th run of either has the same seed.
        seed = seeds_for(self._bench.seed, proposed.number)[sum(run.role == role for run in runs)]
        version = self._panel.version(inside)
        rival = Rival(self._panel.version(against), against) if self._compares else None
        yield from self._bench.measure(
            version,
            proposed.number,
            role,
            seed,
            proposed.hypothesis,
            inside=sorted(inside),
            rival=rival,
            observe=self._panel.observe,
        )

    def _settle(
        self,
        records: dict[int, Judged],
        *,
        unfit: set[int] | None = None,
        at_last: bool = False,
        steered: Steered | None = None,
        unwanted: dict[int, str] | None = None,
    ) -> InSlot[None]:
        """Write down the verdicts that are new or have changed, and move the branch to what is kept now.

        `steered` is what a person has asked for, and `unwanted` which ideas must go for it, and why.
        """
        panel, history, unwanted = self._panel, self._bench.history, unwanted or {}
        chain, broken = yield from self._choose(set(unwanted), records.keys(), at_last=at_last)
        # From here to the end nothing is waited for.
        broken |= {number: _on_nothing(gone) for number in records if (gone := panel.lacks(number))}
        lost = self._lost(chain, records.keys(), {*broken, *(unfit or ())}, unwanted)
        verdicts = panel.keep(chain, records, refresh=at_last)
        self._bench.secure(verdicts)
        incumbent = verdicts[-1] if verdicts else self._bench.incumbent()
        others = {*records, *lost, *panel.kept, *(panel.judge.open if at_last else ())} - set(chain)
        for number in sorted(others):
            known = records.get(number) or history.judged_number(number)
            proposed = history.proposed(number)
            if known is not None and proposed is not None:
                judged = self._not_kept(known, proposed, incumbent, chain, is_open=number not in lost)
                verdicts.append(_because(judged, unwanted.get(number), broken.get(number)))
        was = {judged.number: history.judged_number(judged.number) for judged in verdicts}
        if verdicts or steered:
            history.append(*([steered] if steered else []), *_in_order(verdicts))
        if chain != panel.kept or at_last:
            panel.kept = chain
            self._bench.move_branch()
        panel.drop(lost)
        for number in records:
            panel.finish(number)
        if self._leaving <= unwanted.keys() and (surest := panel.judge.surest(chain, panel.ties())):
            history.append(Settled(numbers=tuple(surest)))
            panel.judge.settle(surest)
        yield from _news_of(verdicts, was)

    def _lost(
        self, chain: Sequence[int], own: Collection[int], unfit: Collection[int], unwanted: Collection[int]
    ) -> set[int]:
        """The open ideas that are out of the running, with what needs them, once `chain` is what is kept.

        What is `unfit` stays where something kept needs it; what is `unwanted` goes all the same. Of what is under way,
        only `own` may go.
        """
        panel = self._panel
        ties, waiting = panel.ties(), panel.under_way.difference(own)
        lost = {*panel.judge.hopeless(ties, waiting), *panel.dependents(unfit)}
        lost -= {*chain, *ties.closure(chain)}
        if unwanted:
            lost.update(panel.dependents(unwanted))
        return lost - waiting

    def _not_kept(
        self, known: Judged, proposed: Proposed, incumbent: Judged, chain: Sequence[int], *, is_open: bool
    ) -> Judged:
        """The verdict on an idea that is not kept, while `chain` is: as it is now, for one that the judge knows."""
        if known.number not in self._panel.judge.open:
            return known
        return self._panel.verdict(
            known,
            kept=False,
            before=incumbent.metric or 0.0,
            commit=proposed.commit,
            prints=proposed.fingerprint,
            is_open=is_open,
            beside=self._panel.in_the_way(known.number, chain) if is_open else None,
        )

    def _choose(
        self, unwanted: set[int], own: Collection[int], *, at_last: bool
    ) -> InSlot[tuple[list[int], dict[int, str]]]:
        """What is to be kept now, guards tried on whatever is new in it; and which ideas break which guard.

        Of what is under way, only `own` may be kept.
        """
        panel, bench = self._panel, self._bench
        broken: dict[int, str] = {}
        tried: set[int] = set()
        try:
            while True:
                gone = {*broken, *unwanted}
                others = panel.under_way.difference(own) | (self._on_trial - tried) | gone
                kept = [number for number in panel.kept if number not in gone]
                chain = panel.judge.best(kept, panel.ties(), but=others, at_last=at_last)
                fresh = next((number for number in chain if number not in tried and number not in panel.kept), None)
                if fresh is None:
                    return chain, broken
                tried.add(fresh)
                self._on_trial.add(fresh)
                before = chain[: chain.index(fresh)]
                version = panel.version([*before, fresh])
                problem = yield from bench.broken_guard(fresh, version, bench.history.runs(fresh))
                if problem is None and fresh in panel:
                    problem = yield from self._doubt(fresh, [number for number in before if number in panel])
                if problem:
                    broken[fresh] = problem
        finally:
            self._on_trial -= tried

    def _doubt(self, number: int, before: Sequence[int]) -> InSlot[str | None]:
        """Why an idea that is about to be kept is not to be believed; None when it is, perhaps after a second look."""
        panel, bench = self._panel, self._bench
        proposed = bench.history.proposed(number)
        incumbent = bench.incumbent().metric or 0.0
        gain = panel.gain_over(number, incumbent)
        if proposed is None or gain <= 0:
            return None
        flags = suspicions(bench.project, bench.settings, bench.history, proposed, incumbent, gain)
        if not flags:
            return None
        panel.flags[number] = flags
        winner, other = panel.version([*before, number]), panel.version(before)
        problem = yield from measured_again(bench, proposed, winner, other, pairs=_PAIRS)
        return f"suspicious, since {flags[0]}; {problem}" if problem else None


def _is_alone(run: Measured, proposed: Proposed, own: Ideas) -> bool:
    """Whether a run was of the candidate by itself; some of what it was made on may have been dropped since."""
    return own <= frozenset(run.inside or ()) <= {*proposed.inside, proposed.number}


def _because(judged: Judged, unwanted: str | None, broken: str | None) -> Judged:
    """The verdict with why a person does not want the idea, or which guard it breaks, if either is so."""
    if unwanted is not None:
        return judged.model_copy(update={"reason": unwanted})
    if broken is not None:
        was_so = f" (it was {judged.reason})" if judged.reason else ""
        return judged.model_copy(update={"reason": f"{broken}{was_so}"})
    return judged


def _on_nothing(gone: Sequence[int]) -> str:
    """Why an idea cannot be any more."""
    return f"it changes what experiment {gone[0]} wrote, which was taken out while this one was under way"


def _in_order(verdicts: Sequence[Judged]) -> list[Judged]:
    """What is not kept first, so that the newest keep is the last of the branch; the keeps stay in its order."""
    return [*(v for v in verdicts if v.verdict != "keep"), *(v for v in verdicts if v.verdict == "keep")]


def _news_of(verdicts: Sequence[Judged], was: dict[int, Judged | None]) -> Iterator[SessionEvent]:
    """What is to be told of verdicts that were just written; `was` has those they replace."""
    for judged in sorted(verdicts, key=lambda each: each.number):
        before = was[judged.number]
        if before is None:
            yield ExperimentJudged(judged)
        elif before.verdict != judged.verdict:
            yield VerdictChanged(judged, before.verdict)
