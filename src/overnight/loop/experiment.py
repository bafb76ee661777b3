"""One experiment from the proposal to the verdict, each step written down before the next.

Every question ("which runs were made?") is put to the ledger, so an experiment that was cut off anywhere goes on by
the same code as one that was not.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from overnight.errors import Interrupted
from overnight.fleet.local import LocalFleet, Version
from overnight.goal.settings import Settings
from overnight.judge.noise import Noise, pooled_noise
from overnight.judge.race import SEEDS_WANTED, Decision, Evidence, RunCandidate, next_step
from overnight.ledger.records import Judged, Measured, Proposed, Role
from overnight.ledger.store import Recorder
from overnight.loop.assemble import Project, make_brief
from overnight.loop.events import (
    ExperimentJudged,
    GuardsStarted,
    ProposalFinished,
    ProposalStarted,
    RunFinished,
    RunStarted,
    SessionEvent,
)
from overnight.propose.proposer import Proposal, Proposer
from overnight.repo.branch import SessionRefs, kept_message
from overnight.repo.candidate import apply_changes, fingerprint, unparsable

BASELINE_RUNS = 3
_NOISE_FROM = 20
"""Kept versions whose repeated runs the noise is pooled from, the newest ones."""


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
        # Read from the ledger when they are needed, and again after every run that may have changed them.
        self._incumbent_now: Judged | None = None
        self._level_now: float | None = None
        self._noise_now: Noise | None = None
        self._cut_off = self._find_cut_off()
        self.exhausted: str | None = None
        """Why the proposer has nothing more to try, once it said so."""

    def run(self) -> Iterator[SessionEvent]:
        """Do the next experiment, or the rest of one that was cut off. Raises Interrupted when asked to stop."""
        started = time.monotonic()
        if self._cut_off is not None:
            proposed, self._cut_off = self._cut_off, None
            started -= proposed.seconds + math.fsum(run.wall_seconds for run in self._history.runs(proposed.number))
        else:
            number = self._history.last_number() + 1
            yield ProposalStarted(number, self._proposer.name)
            answer = self._propose(number)
            if answer is None:
                return
            proposed = answer
            yield ProposalFinished(proposed)
        if proposed.commit is None:
            verdict = proposed.verdict or "no_change"
            yield self._judge(proposed, verdict, proposed.reason, started, output_tail=proposed.output_tail)
            return
        self._refs.remember(proposed.number, proposed.commit)
        yield from self._race(proposed, started)

    def _propose(self, number: int) -> Proposed | None:
        """Ask the proposer and write its answer down; None when it has nothing left to try."""
        incumbent = self._incumbent()
        brief = make_brief(self._project, self._settings, self._history, number, incumbent, self._noise())
        asked = time.monotonic()
        proposal = self._proposer.propose(brief)
        if proposal.exhausted:
            self.exhausted = proposal.failure or "there is nothing left to try"
            return None
        parent = incumbent.commit or self._project.base
        files = apply_changes(brief.files, proposal.files)
        verdict, reason = self._check(proposal, brief.files, files)
        commit = None
        if verdict is None:
            commit = self._project.repository.commit_files(parent, proposal.files, f"{proposal.hypothesis}\n")
        proposed = Proposed(
            number=number,
            hypothesis=proposal.hypothesis,
            proposer=self._proposer.name,
            parent=parent,
            commit=commit,
            fingerprint=fingerprint(files) if commit else None,
            origin=dict(proposal.origin),
            verdict=verdict,
            reason=reason,
            output_tail=proposal.output,
            seconds=time.monotonic() - asked,
        )
        self._history.append(proposed)
        return proposed

    def _check(
        self, proposal: Proposal, before: Mapping[str, bytes], after: Mapping[str, bytes]
    ) -> tuple[Literal["invalid", "no_change"] | None, str]:
        """Whether there is anything to measure, and if not, why not."""
        if proposal.trespasses:
            named = ", ".join(proposal.trespasses[:5]) + (" …" if len(proposal.trespasses) > 5 else "")
            return "invalid", f"it changed {named}, but only {', '.join(self._project.scope.patterns)} may be changed"
        outside = [path for path in proposal.files if not self._project.scope.allows(path)]
        if outside:
            return (
                "invalid",
                f"it changed {outside[0]}, but only {', '.join(self._project.scope.patterns)} may be changed",
            )
        if after == before:
            return "no_change", proposal.failure or "nothing was changed"
        for path in proposal.files:
            problem = unparsable(path, after[path]) if path in after else None
            if problem:
                return "invalid", f"{path} cannot be read any more: {problem}"
        if not after:
            return "invalid", "it deleted everything that may be changed"
        if self._history.tried(fingerprint(after)):
            return "no_change", "exactly this version was tried before"
        return None, ""

    def _race(self, proposed: Proposed, started: float) -> Iterator[SessionEvent]:
        """Let candidate and incumbent run in turns until the judge has seen enough."""
        incumbent = self._incumbent()
        versions = {
            "candidate": Version(proposed.commit or "", proposed.fingerprint or ""),
            "incumbent": Version(incumbent.commit or self._project.base, incumbent.fingerprint or ""),
        }
        while True:
            runs = self._history.runs(proposed.number)
            failed = next((run for run in runs if run.role == "candidate" and run.outcome != "ok"), None)
            if failed is not None:
                verdict = failed.outcome if failed.outcome != "ok" else "crash"
                yield self._judge(proposed, verdict, failed.reason, started, runs=runs, output_tail=failed.output_tail)
                return
            step = next_step(self._evidence(proposed, runs))
            if isinstance(step, Decision):
                yield from self._decide(proposed, incumbent, versions["candidate"], step, runs, started)
                return
            role: Literal["candidate", "incumbent"] = "candidate" if isinstance(step, RunCandidate) else "incumbent"
            yield from self.measure(versions[role], proposed.number, role, step.seed, proposed.hypothesis)
            if role == "incumbent":
                self._forget()

    def measure(self, version: Version, number: int, role: Role, seed: int, hypothesis: str) -> Iterator[SessionEvent]:
        """Make one run and write it down."""
        if self._should_stop():
            raise Interrupted
        yield RunStarted(number, role, seed, hypothesis, self._settings.hard_limit)
        measured = self._fleet.measure(version, number, role, seed)
        self._history.append(measured)
        yield RunFinished(measured)

    def _evidence(self, proposed: Proposed, runs: list[Measured]) -> Evidence:
        return Evidence(
            direction=self._settings.direction,
            noise=self._noise(),
            incumbent=self._level(),
            seeds=seeds_for(self._seed, proposed.number),
            candidate_runs={run.seed: run.value for run in runs if run.role == "candidate" and run.value is not None},
            incumbent_runs={run.seed: run.value for run in runs if run.role == "incumbent"},
        )

    def _decide(
        self,
        proposed: Proposed,
        incumbent: Judged,
        version: Version,
        decision: Decision,
        runs: list[Measured],
        started: float,
    ) -> Iterator[SessionEvent]:
        broken = None
        if decision.keep:
            self._fleet.audit(version)
            if self._settings.guards:
                yield GuardsStarted(proposed.number)
                broken = self._fleet.broken_guard(version, mean_metrics(runs))
        keep = decision.keep and broken is None
        commit = proposed.commit
        if keep:
            parent = incumbent.commit or self._project.base
            message = kept_message(
                proposed.hypothesis, self._settings.metric, decision.before, decision.after, proposed.number
            )
            repository = self._project.repository
            commit = repository.commit_tree(parent, repository.tree_of(proposed.commit or ""), message)
        reason = f"{broken} (it was {decision.reason})" if broken else decision.reason
        yield self._judge(
            proposed, "keep" if keep else "discard", reason, started, runs=runs, decision=decision, commit=commit
        )
        if keep and commit is not None:
            self._refs.set_branch(commit)
            self._forget()

    def _judge(
        self,
        proposed: Proposed,
        verdict: Literal["keep", "discard", "crash", "timeout", "invalid", "no_change"],
        reason: str,
        started: float,
        *,
        runs: list[Measured] | None = None,
        decision: Decision | None = None,
        commit: str | None = None,
        output_tail: str = "",
    ) -> ExperimentJudged:
        """Write the verdict. With this the experiment is over."""
        candidate_runs = [run for run in runs or [] if run.role == "candidate"]
        judged = Judged(
            number=proposed.number,
            verdict=verdict,
            reason=reason,
            hypothesis=proposed.hypothesis,
            proposer=proposed.proposer,
            metric=decision.after if decision else None,
            before=decision.before if decision else None,
            gain=decision.gain.mean if decision else None,
            gain_low=_finite(decision.gain.low) if decision else None,
            gain_high=_finite(decision.gain.high) if decision else None,
            runs=len(runs or []),
            seconds=time.monotonic() - started,
            commit=commit or proposed.commit,
            fingerprint=proposed.fingerprint,
            origin=proposed.origin,
            peak_mb=max((run.peak_mb for run in candidate_runs), default=0.0),
            output_tail=output_tail,
        )
        self._history.append(judged)
        return ExperimentJudged(judged)

    def _find_cut_off(self) -> Proposed | None:
        """The proposal that an earlier process could not bring to a verdict."""
        last = self._history.last_proposed()
        return last if last is not None and self._history.judged_number(last.number) is None else None

    def _forget(self) -> None:
        self._incumbent_now = self._level_now = self._noise_now = None

    def _incumbent(self) -> Judged:
        if self._incumbent_now is None:
            self._incumbent_now = self._history.incumbent()
        assert self._incumbent_now is not None, "the baseline is measured before anything is proposed"
        return self._incumbent_now

    def _level(self) -> float:
        """The incumbent's mean over all its runs but the one that let it into the race, picked for its luck."""
        if self._level_now is None:
            incumbent = self._incumbent()
            runs = [run for run in self._history.runs_of(incumbent.fingerprint or "") if run.value is not None]
            lucky = (incumbent.number, seeds_for(self._seed, incumbent.number)[0])
            fair = [run for run in runs if incumbent.number == 0 or (run.number, run.seed) != lucky]
            self._level_now = _mean([run.value for run in fair or runs if run.value is not None])
        return self._level_now

    def _noise(self) -> Noise:
        """The noise of one run, from every version that was run more than once (the newest ones)."""
        if self._noise_now is None:
            versions = [self._history.baseline(), *self._history.kept()[-_NOISE_FROM:]]
            groups = [
                [run.value for run in self._history.runs_of(version.fingerprint or "") if run.value is not None]
                for version in versions
                if version is not None
            ]
            self._noise_now = pooled_noise(groups)
        return self._noise_now


def seeds_for(session_seed: int, number: int) -> list[int]:
    """The seeds of one experiment: fixed by the session's seed, different for every experiment, in 0 … 2³¹ − 1."""
    digest = hashlib.shake_128(f"{session_seed}/{number}".encode()).digest(4 * SEEDS_WANTED)
    return [int.from_bytes(digest[start : start + 4]) >> 1 for start in range(0, len(digest), 4)]


def mean_metrics(runs: list[Measured]) -> dict[str, float]:
    """Every number the candidate's runs printed, and what they used, each as its mean."""
    values: dict[str, list[float]] = {}
    for run in runs:
        if run.role in ("candidate", "baseline"):
            for name, value in run.metrics.items():
                values.setdefault(name, []).append(value)
    return {name: _mean(each) for name, each in values.items()}


def _mean(values: Sequence[float]) -> float:
    # The mean of equal numbers is that number, not one that rounding has moved.
    return values[0] if min(values) == max(values) else math.fsum(values) / len(values)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
