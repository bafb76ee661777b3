"""An experiment as trackers of experiments want it: parameters, numbers, labels and the patch, by one name each."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from overnight.errors import OvernightError
from overnight.goal.settings import Settings
from overnight.ledger.history import History
from overnight.ledger.records import Judged, Measured, Proposed

Patch = Callable[[Proposed], str]
"""What git says of a proposal; the morning itself knows no git."""
_LONGEST = 500
"""Characters of a parameter or a label: what the strictest of the tools takes."""


@dataclass(frozen=True)
class TrackedSession:
    """What all experiments of a session have in common."""

    name: str
    """`overnight/FOLDER/SESSION`: what the tools show it as."""
    session: str
    id: str
    """Tells it from a session of the same name in another folder."""
    metric: str
    direction: str

    @classmethod
    def of(cls, history: History, folder: str) -> TrackedSession:
        """The session; `folder` is the name of the goal's folder."""
        begun = history.started()
        settings = Settings.recorded(history.settings_now())
        time = repr(history.events_after(0, most=1)[0].time)
        known = (history.session, time, begun.base, begun.folder, begun.home, folder)
        own = hashlib.sha256("\n".join(known).encode()).hexdigest()[:16]
        name = f"overnight/{folder}/{history.session}"
        return cls(name, history.session, own, settings.metric, settings.direction)


@dataclass(frozen=True)
class Tracked:
    """One experiment; number 0 is the baseline."""

    number: int
    name: str
    verdict: str
    params: dict[str, str]
    """What will never change."""
    labels: dict[str, str]
    """What later runs may change: the verdict and what goes with it."""
    metrics: dict[str, float]
    """Finite numbers: the metric, its gain, what was used, and the mean of all else that its runs printed."""
    began: float
    """Unix time, seconds."""
    ended: float
    patch: Callable[[], str]
    """As `git diff` prints it; "" where there is none."""

    @property
    def state(self) -> str:
        """The same as long as nothing about the experiment has changed."""
        said = json.dumps([self.name, self.params, self.labels, self.metrics], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def missing(package: str, extra: str) -> OvernightError:
    """What to say where a tool's library is not installed."""
    return OvernightError(
        f"the package {package!r} is not installed; `pip install 'overnight[{extra}]'` brings what {extra} needs"
    )


def tracked(
    history: History, session: TrackedSession, patch: Patch, numbers: Iterable[int] | None = None
) -> Iterator[Tracked]:
    """The experiments that have a verdict (or those of them with these numbers), in order."""
    if numbers is None:
        found: Iterable[Judged | None] = history.judged_after(-1)
    else:
        found = (history.judged_number(number) for number in numbers)
    return (_tracked(history, session, patch, judged) for judged in found if judged is not None)


def _tracked(history: History, session: TrackedSession, patch: Patch, judged: Judged) -> Tracked:
    proposed = history.proposed(judged.number)
    runs = history.runs(judged.number)
    times = [event.time for event in history.verdicts(judged.number)]
    seeds = sorted({run.seed for run in runs if run.role in ("candidate", "baseline")})
    hypothesis = " ".join(judged.hypothesis.split())
    params = {
        "number": str(judged.number),
        "hypothesis": hypothesis,
        "proposer": judged.proposer,
        "about": ", ".join(judged.about),
        "seeds": ", ".join(map(str, seeds)),
        "candidate": (proposed.commit if proposed else judged.commit) or "",
        "parent": proposed.parent if proposed else "",
    }
    labels = {
        "verdict": judged.verdict,
        "reason": judged.reason,
        "commit": judged.commit or "",
        "undecided": "yes" if judged.undecided else "no",
        "flags": "; ".join(judged.flags),
    }
    return Tracked(
        number=judged.number,
        name=f"{judged.number} {hypothesis}"[:100].strip(),
        verdict=judged.verdict,
        params={name: value[:_LONGEST] for name, value in params.items() if value},
        labels={name: value[:_LONGEST] for name, value in labels.items()},
        metrics=_metrics(session, judged, runs),
        began=times[0] - judged.seconds,
        ended=times[-1],
        patch=lambda: patch(proposed) if proposed is not None else "",
    )


def _metrics(session: TrackedSession, judged: Judged, runs: list[Measured]) -> dict[str, float]:
    own: dict[str, float | None] = {
        session.metric: judged.metric,
        f"{session.metric}_low": judged.metric_low,
        f"{session.metric}_high": judged.metric_high,
        "gain": judged.gain,
        "gain_low": judged.gain_low,
        "gain_high": judged.gain_high,
        "chance": judged.evidence.get("chance"),
        "seconds": judged.seconds,
        "runs": float(judged.runs),
        "peak_mb": judged.peak_mb,
    }
    printed: dict[str, list[float]] = {}
    for run in runs:
        if run.role in ("candidate", "baseline"):
            for name, value in run.metrics.items():
                printed.setdefault(name, []).append(value)
    means = {name: math.fsum(values) / len(values) for name, values in printed.items()}
    clear = {name: value for name, value in means.items() if name not in own}
    # A run may call its own number `gain` or `seconds`: that is another one than ours.
    clash = {f"printed.{name}": means[name] for name in means.keys() & own.keys() - {session.metric, "peak_mb"}}
    known = {name: value for name, value in own.items() if value is not None}
    return {name: value for name, value in {**clear, **clash, **known}.items() if math.isfinite(value)}
