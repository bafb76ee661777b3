"""The workbench of a session: runs are made on it and written down, and so are verdicts.

Every question ("which runs were made?") is put to the ledger, so an experiment that was cut off anywhere goes on by
the same code as one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from overnight.errors import Interrupted
from overnight.fleet.local import LocalFleet, Version
from overnight.goal.settings import Settings
from overnight.ledger.records import Judged, Measured, Proposed, Role
from overnight.ledger.store import Recorder
from overnight.loop.assemble import Project
from overnight.loop.events import ExperimentJudged, GuardsStarted, RunFinished, RunStarted
from overnight.loop.repeats import mean_metrics
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
        fleet: LocalFleet,
        *,
        seed: int,
        should_stop: Callable[[], bool],
    ) -> None:
        self.project = project
        self.settings = settings
        self.history = history
        self.refs = refs
        self.fleet = fleet
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
        self.refs.set_branch(self.incumbent().commit or self.project.base)

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

        Raises Interrupted when asked to stop.
        """
        if self._should_stop():
            raise Interrupted
        yield RunStarted(number, role, seed, hypothesis, self.settings.hard_limit)
        other = rival.version if rival else None
        measured = self.fleet.measure(version, number, role, seed, rival=other)
        held = {"inside": tuple(inside), "against": tuple(sorted(rival.inside)) if rival else None}
        measured = measured.model_copy(update=held)
        self.history.append(measured)
        yield RunFinished(measured)

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
