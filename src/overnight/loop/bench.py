"""The workbench of a session: runs are made on it and written down, and so are verdicts.

Every question ("which runs were made?") is put to the ledger, so an experiment that was cut off anywhere goes on by
the same code as one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from overnight.errors import Interrupted, Trouble
from overnight.fleet.local import LocalSlot
from overnight.fleet.slot import Version
from overnight.goal.settings import Settings
from overnight.ledger.records import Judged, Measured, Proposed, Role
from overnight.ledger.store import Recorder
from overnight.loop.assemble import Project
from overnight.loop.control import is_doubtful
from overnight.loop.disk import DiskRoom
from overnight.loop.events import ExperimentJudged, GuardsStarted, RunFinished, RunStarted
from overnight.loop.repeats import mean_metrics
from overnight.loop.seeds import seeds_for
from overnight.repo.branch import SessionRefs


@dataclass(frozen=True)
class Rival:
    """The other version of a comparison, and the experiments it holds."""

    version: Version
    inside: Collection[int]


class Bench:
    """What every way to decide needs: the fleet that runs, the ledger that remembers, the branch of what is kept."""

    def __init__(
        self,
        project: Project,
        settings: Settings,
        history: Recorder,
        refs: SessionRefs,
        fleet: LocalSlot,
        disk: DiskRoom,
        *,
        seed: int,
        should_stop: Callable[[], bool],
    ) -> None:
        self.project = project
        self.settings = settings
        self.history = history
        self.refs = refs
        self.fleet = fleet
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
        return Rival(Version(incumbent.commit or self.project.base, incumbent.fingerprint or ""), self.kept())

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
    ) -> Iterator[RunStarted | RunFinished]:
        """Make one run and write it down; `rival` is what it is compared with where the goal says `compare`.

        Raises Interrupted when asked to stop, and Trouble when it was not the version's fault that it failed.
        """
        if self._should_stop():
            raise Interrupted
        self._disk.must_suffice()
        yield RunStarted(number, role, seed, hypothesis, self.settings.hard_limit)
        other = rival.version if rival else None
        measured = self.fleet.measure(version, number, role, seed, rival=other)
        held = {"inside": tuple(inside), "against": tuple(sorted(rival.inside)) if rival else None}
        measured = measured.model_copy(update=held)
        if is_doubtful(self.history, measured):
            yield from self._blame_the_machine(measured)
        self.history.append(measured)
        yield RunFinished(measured)

    def _blame_the_machine(self, failed: Measured) -> Iterator[RunStarted | RunFinished]:
        """Run the incumbent, which ran before. Raises Trouble when it fails too: it is not the candidate's fault."""
        incumbent = self.incumbent()
        version = Version(incumbent.commit or self.project.base, incumbent.fingerprint or "")
        seed = seeds_for(self.seed, incumbent.number)[0]
        yield RunStarted(failed.number, "control", seed, "is it the machine?", self.settings.hard_limit)
        rival = version if self.settings.compare else None
        control = self.fleet.measure(version, failed.number, "control", seed, rival=rival)
        self.history.append(control)
        yield RunFinished(control)
        if control.outcome != "ok":
            raise Trouble(
                "machine", f"the incumbent, which ran before, fails now as the candidate did: {control.reason}"
            )

    def secure(self, kept: Sequence[Judged]) -> None:
        """See to it that the new commits of the branch cannot get lost, before the ledger speaks of them."""
        repository = self.project.repository
        if kept and not (
            self.refs.secure(kept[-1].commit or "") and all(repository.is_whole(judged.commit or "") for judged in kept)
        ):
            raise Trouble("git", "git lost a commit while it was stored (`git gc --prune=now` may have been at work)")

    def guards_start(self, number: int) -> Iterator[GuardsStarted]:
        """The news that guards are tried, where there are any."""
        if self.settings.guards:
            yield GuardsStarted(number)

    def broken_guard(self, version: Version, runs: Sequence[Measured]) -> str | None:
        """Why a version must not be kept, whatever its metric; None when every guard holds."""
        self.fleet.audit(version)
        return self.fleet.broken_guard(version, mean_metrics(runs))

    def record(self, proposed: Proposed, runs: Sequence[Measured], started: float) -> Judged:
        """An experiment's verdict as far as it is known before it is judged; `started` is on the monotonic clock."""
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
