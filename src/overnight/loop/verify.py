"""Is the gain real? Baseline and best measured again side by side, on seeds that nobody has used."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from overnight.errors import Interrupted, SessionError
from overnight.fleet.local import LocalFleet, Version
from overnight.goal.settings import Settings
from overnight.judge.noise import Noise, mean_difference
from overnight.ledger.history import choose_session
from overnight.ledger.reader import require
from overnight.ledger.records import Measured, Role, Verified
from overnight.ledger.store import Ledger, Recorder
from overnight.loop.events import RunFinished, RunStarted
from overnight.loop.seeds import SEEDS_WANTED, seeds_for
from overnight.loop.state import State
from overnight.repo.git import Repository

MOST_PAIRS = SEEDS_WANTED
DEFAULT_PAIRS = 5


@dataclass(frozen=True)
class VerificationDone:
    """The last event: what it says is in the ledger."""

    verified: Verified


def verify(
    state: State, session: str | None, *, pairs: int, should_stop: Callable[[], bool]
) -> Iterator[RunStarted | RunFinished | VerificationDone]:
    """Measure `pairs` pairs (two where both versions repeat exactly) and write the result down.

    Raises SessionError when there is nothing to verify or a run fails, Interrupted when asked to stop.
    """
    require(state.ledger_path)
    with state.locked(), contextlib.closing(Ledger.open(state.ledger_path)) as ledger:
        history = Recorder(ledger, choose_session(ledger, session))
        baseline, best = history.baseline(), history.incumbent()
        if baseline is None or best is None or best.number == 0:
            raise SessionError(f"session {history.session} has kept nothing yet, so there is nothing to verify")
        started = history.started()
        settings = Settings.model_validate(started.settings)
        scorer = settings.verify or settings.score
        fleet = LocalFleet(
            Repository.find(state.folder.parent),
            settings,
            started.base,
            work=state.work,
            logs=state.logs(history.session),
            should_stop=should_stop,
        )
        versions: dict[Role, tuple[Version, int]] = {
            "verify_baseline": (Version(baseline.commit or "", baseline.fingerprint or ""), 0),
            "verify_best": (Version(best.commit or "", best.fingerprint or ""), best.number),
        }
        values: dict[Role, list[float]] = {role: [] for role in versions}
        with contextlib.closing(Cleanup(fleet, state)):
            # Negative numbers are no experiments: these seeds are nobody else's.
            for index, seed in enumerate(seeds_for(started.seed, -1 - history.count("verified"))[:pairs]):
                for role in sorted(versions, reverse=index % 2 == 1):
                    if should_stop():
                        raise Interrupted
                    version, number = versions[role]
                    yield RunStarted(number, role, seed, _WORDS[role], settings.hard_limit)
                    measured = fleet.measure(version, number, role, seed, score=scorer)
                    history.append(measured)
                    yield RunFinished(measured)
                    values[role].append(_value(measured))
                if index == 1 and all(min(each) == max(each) for each in values.values()):
                    break  # Both repeat exactly: more runs would say the same.
        verified = _result(settings, scorer or settings.run, values, versions)
        history.append(verified)
        yield VerificationDone(verified)


_WORDS: dict[Role, str] = {"verify_baseline": "the baseline, again", "verify_best": "the best version, again"}


class Cleanup:
    """Closes a fleet and leaves no copy behind."""

    def __init__(self, fleet: LocalFleet, state: State) -> None:
        self._fleet = fleet
        self._state = state

    def close(self) -> None:
        """Do it."""
        self._fleet.close()
        shutil.rmtree(self._state.work, ignore_errors=True)


def _value(measured: Measured) -> float:
    if measured.value is None:
        raise SessionError(f"{_WORDS[measured.role]} gave no metric: {measured.reason}; nothing was concluded")
    return measured.value


def _result(
    settings: Settings, command: str, values: dict[Role, list[float]], versions: dict[Role, tuple[Version, int]]
) -> Verified:
    old, new = values["verify_baseline"], values["verify_best"]
    baseline, best = math.fsum(old) / len(old), math.fsum(new) / len(new)
    gains = [settings.gain(after, before) for before, after in zip(old, new, strict=True)]
    interval = mean_difference(gains, Noise(0.0, 0))
    return Verified(
        baseline_commit=versions["verify_baseline"][0].commit,
        best_commit=versions["verify_best"][0].commit,
        command=command,
        baseline=baseline,
        best=best,
        pairs=len(gains),
        percent=_percent(interval.mean, baseline),
        percent_low=_percent(interval.low, baseline),
        percent_high=_percent(interval.high, baseline),
    )


def _percent(gain: float, baseline: float) -> float | None:
    return 100 * gain / abs(baseline) if baseline and math.isfinite(gain) else None
