"""One experiment from the proposal to the verdict, each step written down before the next.

Every question ("which runs were made?") is put to the ledger, so an experiment that was cut off anywhere goes on by
the same code as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence

from overnight.errors import Interrupted
from overnight.fleet.local import LocalFleet, Version
from overnight.goal.settings import Settings
from overnight.judge.exact import exact_gain, exact_reason
from overnight.judge.judge import Ideas
from overnight.ledger.records import Judged, Measured, Proposed, Role, Settled
from overnight.ledger.store import Recorder
from overnight.loop.assemble import Project
from overnight.loop.events import (
    ExperimentJudged,
    GuardsStarted,
    ProposalFinished,
    ProposalStarted,
    RunFinished,
    RunStarted,
    SessionEvent,
)
from overnight.loop.exactness import seems_exact
from overnight.loop.news import in_order, mean_metrics, news_of
from overnight.loop.panel import Panel
from overnight.loop.proposing import NothingLeftError, propose
from overnight.loop.seeds import SEEDS_WANTED, seeds_for
from overnight.loop.weaving import lines_saved
from overnight.propose.proposer import Proposer
from overnight.repo.branch import SessionRefs, kept_message


class Experimenter:
    """Does experiments, one at a time."""

    def __init__(
        self,
        project: Project,
        settings: Settings,
        history: Recorder,
        refs: SessionRefs,
        fleet: LocalFleet,
        proposer: Proposer,
        *,
        seed: int,
        should_stop: Callable[[], bool],
    ) -> None:
        self._project = project
        self._settings = settings
        self._history = history
        self._refs = refs
        self._fleet = fleet
        self._proposer = proposer
        self._seed = seed
        self._should_stop = should_stop
        self._panel: Panel | None = None
        self._exact_so_far = False
        self._incumbent_now: Judged | None = None
        self._kept_now: list[int] = []
        self._cut_off = self._find_cut_off()
        self.exhausted: str | None = None
        """Why the proposer has nothing more to try, once it said so."""

    def run(self) -> Iterator[SessionEvent]:
        """Do the next experiment, or the rest of one that was cut off. Raises Interrupted when asked to stop."""
        self._look_at_noise()
        started = time.monotonic()
        if self._cut_off is not None:
            proposed, self._cut_off = self._cut_off, None
            started -= proposed.seconds + math.fsum(run.wall_seconds for run in self._history.runs(proposed.number))
        else:
            number = self._history.last_number() + 1
            yield ProposalStarted(number, self._proposer.name)
            try:
                proposed = self._propose(number)
            except NothingLeftError as reason:
                self.exhausted = str(reason)
                return
            yield ProposalFinished(proposed)
        if proposed.commit is None:
            judged = self._record(proposed, [], started)
            verdict = proposed.verdict or "no_change"
            yield self._write(judged, verdict=verdict, reason=proposed.reason, output_tail=proposed.output_tail)
            return
        self._refs.remember(proposed.number, proposed.commit)
        yield from self._exact(proposed, started) if self._panel is None else self._noisy(proposed, started)

    def recheck(self) -> Iterator[SessionEvent]:
        """Measure the incumbent of an exact metric once more: is it still the same, on this day, on this machine?"""
        self._look_at_noise()
        if self._panel is not None:
            return
        incumbent = self._incumbent()
        version = Version(incumbent.commit or "", incumbent.fingerprint or "")
        again = sum(run.role == "incumbent" for run in self._history.runs(incumbent.number))
        seed = seeds_for(self._seed, incumbent.number)[(1 + again) % SEEDS_WANTED]
        words = "the incumbent, again"
        yield from self.measure(version, incumbent.number, "incumbent", seed, words, inside=self._kept_now)
        self._exact_so_far = False

    def close_night(self) -> Iterator[SessionEvent]:
        """The session is finished: what is kept is decided on all that is known by now, and written down."""
        self._look_at_noise()
        if self._panel is not None:
            yield from self._settle({}, at_last=True)

    def measure(
        self, version: Version, number: int, role: Role, seed: int, hypothesis: str, *, inside: Sequence[int] = ()
    ) -> Iterator[SessionEvent]:
        """Make one run and write it down."""
        if self._should_stop():
            raise Interrupted
        yield RunStarted(number, role, seed, hypothesis, self._settings.hard_limit)
        measured = self._fleet.measure(version, number, role, seed).model_copy(update={"inside": tuple(inside)})
        self._history.append(measured)
        yield RunFinished(measured)

    def _propose(self, number: int) -> Proposed:
        incumbent = self._incumbent()
        noise = self._panel.judge.noise if self._panel else 0.0
        return propose(
            self._project,
            self._settings,
            self._history,
            self._proposer,
            incumbent,
            number=number,
            noise=noise,
            kept=self._kept_now,
        )

    def _look_at_noise(self) -> None:
        """Call the judge of noise as soon as any version has not given the same number each time."""
        if self._panel is None and not self._exact_so_far:
            self._exact_so_far = seems_exact(self._history)
            if not self._exact_so_far:
                self._panel = Panel(self._project, self._settings, self._history, seed=self._seed)

    def _exact(self, proposed: Proposed, started: float) -> Iterator[SessionEvent]:
        """One run decides."""
        version = Version(proposed.commit or "", proposed.fingerprint or "")
        runs = self._history.runs(proposed.number)
        if not runs:
            incumbent = self._incumbent()
            inside = (*proposed.inside, proposed.number)
            seed = seeds_for(self._seed, proposed.number)[0]
            yield from self.measure(version, proposed.number, "candidate", seed, proposed.hypothesis, inside=inside)
            runs = self._history.runs(proposed.number)
        run, incumbent, judged = runs[0], self._incumbent(), self._record(proposed, runs, started)
        if run.value is None or incumbent.metric is None:
            yield self._failed(judged, run)
            return
        gain = exact_gain(self._settings.direction, run.value, incumbent.metric)
        reason, broken = exact_reason(gain), None
        saved = lines_saved(self._project, proposed) if self._settings.prefer == "simpler" else 0
        wanted = gain > 0 or (saved > 0 and gain >= -self._settings.margin)
        if wanted and gain <= 0:
            reason = f"simpler by {saved} {'line' if saved == 1 else 'lines'}, and {reason}"
        if wanted:
            yield from self._try_guards(proposed.number)
            broken = self._broken_guard(version, runs)
        reason = f"{broken} (it was {reason})" if broken else reason
        commit, verdict = proposed.commit, "discard"
        if wanted and broken is None:
            verdict, repository = "keep", self._project.repository
            message = kept_message(
                proposed.hypothesis, self._settings.metric, incumbent.metric, run.value, proposed.number
            )
            tree = repository.tree_of(proposed.commit or "")
            commit = repository.commit_tree(incumbent.commit or self._project.base, tree, message)
        numbers = {"metric": run.value, "before": incumbent.metric, "gain": gain, "gain_low": gain, "gain_high": gain}
        yield self._write(judged, verdict=verdict, reason=reason, commit=commit, **numbers)
        if verdict == "keep" and commit is not None:
            self._refs.set_branch(commit)
            self._incumbent_now = None

    def _noisy(self, proposed: Proposed, started: float) -> Iterator[SessionEvent]:
        """Run the idea among others, or in turns with the incumbent, until the judge has seen enough of it."""
        panel = self._panel
        assert panel is not None
        panel.begin(proposed)
        own: Ideas = frozenset((*proposed.inside, proposed.number))
        while True:
            runs = self._history.runs(proposed.number)
            mine = [run for run in runs if proposed.number in (run.inside or ())]
            failed = [run for run in mine if run.outcome != "ok"]
            alone = next((run for run in failed if frozenset(run.inside or ()) == own), None)
            if alone is not None:
                panel.drop(panel.dependents(proposed.number) or [proposed.number])
                yield self._failed(self._record(proposed, runs, started), alone, len(mine))
                return
            if len(mine) == len(failed):
                inside: Ideas | None = own if failed else panel.first_version(proposed.number, 0)
            else:
                inside = self._next_duel(panel, proposed, runs)
            if inside is None:
                break
            yield from self._measure_combination(panel, proposed, inside, runs)
        unfit = [panel.combination_failed(proposed, frozenset(run.inside or ())) for run in failed]
        record = self._record(proposed, runs, started)
        yield from self._settle({proposed.number: record}, unfit={idea for ideas in unfit for idea in ideas})
        panel.finish(proposed.number)

    def _next_duel(self, panel: Panel, proposed: Proposed, runs: list[Measured]) -> Ideas | None:
        """The next version to run for an idea that has been run once; None when that was enough."""
        incumbent_failed = any(run.outcome != "ok" and run.role == "incumbent" for run in runs)
        if incumbent_failed or panel.rides(proposed.number):
            return None
        return panel.judge.duel(proposed.number, frozenset(proposed.inside))

    def _measure_combination(
        self, panel: Panel, proposed: Proposed, inside: Ideas, runs: list[Measured]
    ) -> Iterator[SessionEvent]:
        role: Role = "candidate" if proposed.number in inside else "incumbent"
        # The n-th run of either has the same seed.
        seed = seeds_for(self._seed, proposed.number)[sum(run.role == role for run in runs)]
        version = panel.version(inside)
        for event in self.measure(version, proposed.number, role, seed, proposed.hypothesis, inside=sorted(inside)):
            yield event
            if isinstance(event, RunFinished) and event.measured.value is not None:
                panel.observe(event.measured)

    def _settle(
        self, records: dict[int, Judged], *, unfit: set[int] | None = None, at_last: bool = False
    ) -> Iterator[SessionEvent]:
        """Write down the verdicts that are new or have changed, and move the branch to what is kept now."""
        panel = self._panel
        assert panel is not None
        chain, broken = yield from self._choose(panel, at_last=at_last)
        ties = panel.ties()
        lost = {*panel.judge.hopeless(ties), *broken, *(unfit or ())} - set(chain)
        lost -= ties.closure(chain)
        verdicts = panel.keep(chain, records, refresh=at_last)
        incumbent = verdicts[-1] if verdicts else self._standing_after(panel, chain)
        others = {*records, *lost, *panel.kept, *(panel.judge.open if at_last else ())} - set(chain)
        for number in sorted(others):
            known = records.get(number) or self._history.judged_number(number)
            proposed = self._history.proposed(number)
            if known is None or proposed is None:
                continue
            judged = panel.verdict(
                known,
                kept=False,
                before=incumbent.metric or 0.0,
                commit=proposed.commit,
                prints=proposed.fingerprint,
                is_open=number not in lost,
            )
            if number in broken:
                judged = judged.model_copy(update={"reason": f"{broken[number]} (it was {judged.reason})"})
            verdicts.append(judged)
        was = {judged.number: self._history.judged_number(judged.number) for judged in verdicts}
        if verdicts:
            self._history.append(*in_order(verdicts))
        if chain != panel.kept or at_last:
            panel.kept = chain
            self._incumbent_now = None
            self._refs.set_branch(self._incumbent().commit or self._project.base)
        panel.drop(lost)
        if surest := panel.judge.surest(chain, panel.ties()):
            self._history.append(Settled(numbers=tuple(surest)))
            panel.judge.settle(surest)
        yield from news_of(verdicts, was)

    def _choose(
        self, panel: Panel, *, at_last: bool
    ) -> Generator[SessionEvent, None, tuple[list[int], dict[int, str]]]:
        """What is to be kept now, guards tried on whatever is new in it; and which ideas break which guard."""
        broken: dict[int, str] = {}
        held = set(panel.kept)
        while True:
            chain = panel.judge.best(panel.kept, panel.ties(), at_last=at_last)
            chain = [number for number in chain if not panel.ties().closure([number]) & broken.keys()]
            fresh = next((number for number in chain if number not in held), None)
            if fresh is None:
                return chain, broken
            yield from self._try_guards(fresh)
            version = panel.version(chain[: chain.index(fresh) + 1])
            problem = self._broken_guard(version, self._history.runs(fresh))
            if problem:
                broken[fresh] = problem
            held.add(fresh)

    def _standing_after(self, panel: Panel, chain: Sequence[int]) -> Judged:
        """The incumbent when the branch keeps its place."""
        found = self._history.judged_number(chain[-1]) if chain else self._history.baseline()
        assert found is not None
        return found

    def _try_guards(self, number: int) -> Iterator[SessionEvent]:
        if self._settings.guards:
            yield GuardsStarted(number)

    def _broken_guard(self, version: Version, runs: list[Measured]) -> str | None:
        self._fleet.audit(version)
        return self._fleet.broken_guard(version, mean_metrics(runs))

    def _record(self, proposed: Proposed, runs: list[Measured], started: float) -> Judged:
        """An experiment's verdict as far as it is known before it is judged."""
        return Judged(
            number=proposed.number,
            verdict="discard",
            reason="",
            hypothesis=proposed.hypothesis,
            proposer=proposed.proposer,
            runs=len(runs),
            seconds=time.monotonic() - started,
            commit=proposed.commit,
            fingerprint=proposed.fingerprint,
            origin=proposed.origin,
            peak_mb=max((run.peak_mb for run in runs if run.role == "candidate"), default=0.0),
        )

    def _failed(self, judged: Judged, run: Measured, runs: int = 1) -> ExperimentJudged:
        """The verdict on a candidate that gave no metric."""
        reason = run.reason if runs == 1 else f"one of its {runs} runs failed: {run.reason}"
        verdict = run.outcome if run.outcome != "ok" else "crash"
        return self._write(judged, verdict=verdict, reason=reason, output_tail=run.output_tail)

    def _write(self, judged: Judged, **fields: object) -> ExperimentJudged:
        """Write the verdict. With this the experiment is over."""
        whole = judged.model_copy(update=fields)
        self._history.append(whole)
        return ExperimentJudged(whole)

    def _find_cut_off(self) -> Proposed | None:
        """The proposal that an earlier process could not bring to a verdict."""
        last = self._history.last_proposed()
        return last if last is not None and self._history.judged_number(last.number) is None else None

    def _incumbent(self) -> Judged:
        if self._incumbent_now is None:
            self._incumbent_now = self._history.incumbent()
            self._kept_now = [judged.number for judged in self._history.kept()]
        assert self._incumbent_now is not None, "the baseline is measured before anything is proposed"
        return self._incumbent_now
