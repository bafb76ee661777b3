"""Versions before people: the user's own two commands let them out, and count who did what is hoped for.

These commands are no guests. They are frozen, as a scorer is, but they have the user's environment, network and home,
since they deploy. Of a candidate they see a folder, and nothing of it is run here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from overnight.errors import Trouble, explain_os
from overnight.fleet.local import linked_paths
from overnight.fleet.slot import Version
from overnight.goal.sections import LiveSettings
from overnight.goal.settings import Settings
from overnight.ledger.records import Measured, Role
from overnight.repo.git import Repository
from overnight.repo.worktree import Worktree
from overnight.runs.logs import place_in_state
from overnight.runs.metrics import SIDES, Rate
from overnight.runs.output import Output, of_the_scorer
from overnight.runs.own import run_own
from overnight.runs.process import Ended

OUTSIDE_SECONDS = 600.0
"""What each of the two commands gets."""


class Outside:
    """Where people meet one version, or two side by side."""

    def __init__(
        self, repository: Repository, settings: Settings, base: str, *, session: str, work: Path, logs: Path
    ) -> None:
        """`base` is the baseline's commit, the two commands' home; `work` holds the copies, `logs` what is printed."""
        assert settings.live is not None, "only a live goal has an outside"
        self._live: LiveSettings = settings.live
        self._metric = settings.metric
        self._hides = bool(settings.hidden)
        self._session = session
        self._base = base
        self._logs = logs
        self._project = repository.root / repository.prefix
        links = linked_paths((*settings.read, *settings.hidden), self._project)
        self._home = Worktree(repository, work / "home", links)
        self._incumbent = Worktree(repository, work / "incumbent")
        self._candidate = Worktree(repository, work / "candidate")

    def deploy(
        self,
        number: int,
        incumbent: Version,
        candidate: Version | None,
        *,
        seed: int,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Let people meet the incumbent, and half of them the candidate where there is one.

        Raises Trouble when the command fails, Interrupted when asked to stop.
        """
        output = Output(self._logs / f"{number}-deploy.log")
        self._run("deploy", output, number, incumbent, candidate, seed, should_stop)

    def measure(
        self,
        number: int,
        role: Role,
        incumbent: Version,
        candidate: Version,
        *,
        seed: int,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Measured:
        """What people have done so far. Raises Trouble when that is not to be had, Interrupted when asked to stop."""
        place = self._logs / f"{number}-measure.log"
        output = Output(place, *(f"{side}.{self._metric}" for side in SIDES))
        ended = self._run("measure", output, number, incumbent, candidate, seed, should_stop)
        numbers = output.numbers()
        mine, other = (self._rate(f"{side}.{self._metric}", numbers) for side in SIDES)
        own = {name.removeprefix(f"{SIDES[0]}."): float(number) for name, number in numbers.items()}
        return Measured(
            number=number,
            role=role,
            commit=candidate.commit,
            fingerprint=candidate.fingerprint,
            seed=seed,
            outcome="ok",
            value=mine.successes / max(mine.trials, 1),
            trials=mine.trials,
            rival=other.successes / max(other.trials, 1),
            rival_trials=other.trials,
            rival_fingerprint=incumbent.fingerprint,
            metrics={name: value for name, value in own.items() if math.isfinite(value)},
            exit_code=ended.exit_code,
            output=place_in_state(place),
            output_tail=of_the_scorer(output.tail()) if self._hides else output.tail(),
            wall_seconds=ended.wall_seconds,
            cpu_seconds=ended.cpu_seconds,
        )

    def close(self) -> None:
        """Remove the copies."""
        for copy in (self._home, self._incumbent, self._candidate):
            copy.remove()

    def _run(
        self,
        what: Literal["deploy", "measure"],
        output: Output,
        number: int,
        incumbent: Version,
        candidate: Version | None,
        seed: int,
        should_stop: Callable[[], bool],
    ) -> Ended:
        command = self._live.deploy if what == "deploy" else self._live.measure
        self._home.checkout(self._base)
        self._incumbent.checkout(incumbent.commit)
        if candidate is not None:
            self._candidate.checkout(candidate.commit)
        variables = {
            "OVERNIGHT_TRIAL": f"{self._session}-{number}",
            "OVERNIGHT_INCUMBENT": str(self._incumbent.project),
            "OVERNIGHT_PROJECT": str(self._project),
            "OVERNIGHT_SEED": str(seed),
            # Whoever started Overnight may have one of another trial.
            "OVERNIGHT_CANDIDATE": str(self._candidate.project) if candidate is not None else None,
        }
        try:
            ended, problem = run_own(
                command,
                self._home.project,
                variables,
                limit=OUTSIDE_SECONDS,
                output=output,
                should_stop=should_stop,
            )
        except OSError as error:
            raise explain_os(error, f"what `{command}` prints cannot be written") from error
        finally:
            for copy in (self._home, self._incumbent, self._candidate):
                copy.clean()
        if problem:
            raise Trouble("live", f"`{command}` {problem}")
        return ended

    def _rate(self, name: str, numbers: dict[str, float]) -> Rate:
        rate = numbers.get(name)
        wanted = f"a line such as `{name}: 31/400`, people who did it of people who were there"
        if not isinstance(rate, Rate):
            raise Trouble("live", f"`{self._live.measure}` did not print {wanted}")
        if not 0 <= rate.successes <= rate.trials or rate.successes % 1 or rate.trials % 1:
            raise Trouble(
                "live",
                f"`{self._live.measure}` printed `{name}: {rate.successes:g}/{rate.trials:g}` instead of {wanted}",
            )
        return rate
