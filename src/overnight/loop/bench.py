"""The workbench of a session: runs are made on it and written down, and so are verdicts.

Every question ("which runs were made?") is put to the ledger, so an experiment that was cut off anywhere goes on by
the same code as one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from overnight.errors import Interrupted, Trouble
from overnight.fleet.slot import Slot, Task, Version
from overnight.goal.settings import Settings
from overnight.ledger.records import Judged, Measured, Proposed, Role
from overnight.ledger.store import Recorder
from overnight.loop.control import is_doubtful
from overnight.loop.crew import InSlot, Work
from overnight.loop.disk import DiskRoom
from overnight.loop.events import ExperimentJudged, GuardsStarted, RunFinished, RunStarted
from overnight.loop.project import Project
from overnight.loop.repeats import mean_metrics
from overnight.loop.seeds import seeds_for
from overnight.repo.branch import SessionRefs, kept_message

_TRIES = 5


@dataclass(frozen=True)
class Rival:
    """The other version of a comparison, and the experiments it holds."""

    version: Version
    inside: Collection[int]


class Bench:
    """What every way to decide needs: runs, the ledger that remembers, the branch of what is kept."""

    def __init__(
        self,
        project: Project,
        settings: Settings,
        history: Recorder,
        refs: SessionRefs,
        disk: DiskRoom,
        *,
        seed: int,
        should_stop: Callable[[], bool],
    ) -> None:
        self.project = project
        self.settings = settings
        self.history = history
        self.refs = refs
        self._disk = disk
        self.seed = seed
        self._should_stop = should_stop
        self._incumbent: Judged | None = None
        self._kept: tuple[int, ...] = ()

    def incumbent(self) -> Judged:
        """The verdict that made the version to beat."""
        if self._incumbent is None:
            self._incumbent = self.history.incumbent()
            self._kept = tuple(judged.number for judged in self.history.kept())
        assert self._incumbent is not None, "the baseline is measured before anything is proposed"
        return self._incumbent

    def rival(self) -> Rival | None:
        """The incumbent as what a version is to be compared with; None where runs are made one by one."""
        if self.settings.compare is None:
            return None
        incumbent = self.incumbent()
        return Rival(Version.of(incumbent, self.project.base), self.kept())

    def kept(self) -> tuple[int, ...]:
        """The experiments that the incumbent consists of, in the branch's order."""
        self.incumbent()
        return self._kept

    def move_branch(self) -> None:
        """The ledger has another incumbent now: let the branch follow."""
        self._incumbent = None
        self.refs.set_branch(self.incumbent().commit or self.project.base, self.history.made)

    def measure(
        self,
        version: Version,
        number: int,
        role: Role,
        seed: int,
        hypothesis: str,
        *,
        inside: Sequence[int] = (),
        rival: Rival | None = None,
        observe: Callable[[Measured], None] = lambda _: None,
    ) -> InSlot[Measured]:
        """Make one run and write it down; `rival` is what it is compared with where the goal says `compare`.

        `observe` is told of it at once, so that nobody knows of the run before the judge does.
        Raises Interrupted when asked to stop, and Trouble when it was not the version's fault that it failed.
        """
        if self._should_stop():
            raise Interrupted
        self._disk.must_suffice()
        yield RunStarted(number, role, seed, hypothesis, self.settings.hard_limit)
        task = Task(version, number, role, seed, rival.version if rival else None)
        measured: Measured = yield Work(lambda slot: slot.measure(task))
        held = {"inside": tuple(inside), "against": tuple(sorted(rival.inside)) if rival else None}
        measured = measured.model_copy(update=held)
        if is_doubtful(self.history, measured):
            yield from self._blame_the_machine(measured)
        self.history.append(measured)
        observe(measured)
        yield RunFinished(measured)
        return measured

    def _blame_the_machine(self, failed: Measured) -> InSlot[None]:
        """Run the incumbent, which ran before. Raises Trouble when it fails too: it is not the candidate's fault."""
        incumbent = self.incumbent()
        version = Version.of(incumbent, self.project.base)
        seed = seeds_for(self.seed, incumbent.number)[0]
        yield RunStarted(failed.number, "control", seed, "is it the machine?", self.settings.hard_limit)
        task = Task(version, failed.number, "control", seed, version if self.settings.compare else None)
        control: Measured = yield Work(lambda slot: slot.measure(task))
        self.history.append(control)
        yield RunFinished(control)
        if control.outcome != "ok":
            raise Trouble(
                "machine", f"the incumbent, which ran before, fails now as the candidate did: {control.reason}"
            )

    def stored(self, number: int, make: Callable[[], str]) -> str:
        """The commit of experiment `number`'s candidate as `make` makes it, safe from `git gc`; one before it stays."""
        for _ in range(_TRIES):
            self.refs.wait_for_gc()
            commit = make()
            self.refs.keep_earlier(number)
            if self.refs.secure(commit, number):
                return commit
        raise Trouble("git", "git lost a candidate again and again while it was stored")

    def kept_on(self, on: Judged, version: Version, judged: Judged) -> Judged:
        """The verdict that keeps `version`, with its commit on top of the version that `on` has made the incumbent.

        `judged` has metric and `before` already. The commit cannot get lost; the branch has still to move.
        """
        repository = self.project.repository
        before, after = judged.before or 0.0, judged.metric or 0.0
        message = kept_message(judged.hypothesis, self.settings.metric, before, after, judged.number)
        commit = repository.commit_tree(on.commit or self.project.base, repository.tree_of(version.commit), message)
        kept = judged.model_copy(update={"verdict": "keep", "commit": commit})
        self.secure([kept])
        return kept

    def secure(self, kept: Sequence[Judged]) -> None:
        """See to it that the new commits of the branch cannot get lost, before the ledger speaks of them."""
        repository = self.project.repository
        if kept and not (
            self.refs.secure(kept[-1].commit or "") and all(repository.is_whole(judged.commit or "") for judged in kept)
        ):
            raise Trouble("git", "git lost a commit while it was stored (`git gc --prune=now` may have been at work)")

    def broken_guard(self, number: int, version: Version, runs: Sequence[Measured] | None) -> InSlot[str | None]:
        """Why a version must not be kept, whatever its metric; None when every guard holds.

        `number` is the experiment that it is about, `runs` those of the version; without them, commands only are tried.
        """
        if self.settings.guards:
            yield GuardsStarted(number)

        def look(slot: Slot) -> str | None:
            slot.audit(version)
            return slot.broken_guard(version, None if runs is None else mean_metrics(runs))

        broken: str | None = yield Work(look)
        return broken

    def record(self, proposed: Proposed, runs: Sequence[Measured], started: float) -> Judged:
        """An experiment's verdict as far as it is known before it is judged.

        `started` is when it was taken up, on the monotonic clock, less what had been spent on it before.
        """
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
            about=proposed.about,
            origin=proposed.origin,
            peak_mb=max((run.peak_mb for run in runs if run.role == "candidate"), default=0.0),
        )

    def of_nothing(self, proposed: Proposed, reason: str = "") -> ExperimentJudged:
        """The verdict on a proposal in which there is nothing to measure, as it says itself or `reason` does."""
        verdict, why = proposed.verdict or "no_change", reason or proposed.reason
        judged = self.record(proposed, [], time.monotonic() - proposed.seconds)
        return self.write(judged, verdict=verdict, reason=why, output_tail=proposed.output_tail)

    def failed(self, judged: Judged, run: Measured, runs: int = 1) -> ExperimentJudged:
        """The verdict on a candidate that gave no metric."""
        reason = run.reason if runs == 1 else f"one of its {runs} runs failed: {run.reason}"
        verdict = run.outcome if run.outcome != "ok" else "crash"
        return self.write(judged, verdict=verdict, reason=reason, output_tail=run.output_tail)

    def write(self, judged: Judged, **fields: object) -> ExperimentJudged:
        """Write the verdict. With this the experiment is over."""
        whole = judged.model_copy(update=fields)
        self.history.append(whole)
        return ExperimentJudged(whole)
