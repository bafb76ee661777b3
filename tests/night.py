"""A session's history written by hand, in a real ledger, for tests of what reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overnight.ledger.records import Judged, Measured, Proposed, Resumed, Role, SessionStarted, Stopped, Verdict
from overnight.ledger.store import Ledger, Recorder

SETTINGS: dict[str, Any] = {"edit": ["train.py"], "run": "python train.py", "metric": "loss", "budget": 3.0}


def sha(number: int) -> str:
    """A commit's name, made up."""
    return f"{number:040x}"


@dataclass
class Night:
    """Writes records with the fields that a test does not care about filled in."""

    ledger: Ledger
    history: Recorder

    @classmethod
    def begin(cls, path: Path | str, session: str = "s", **settings: Any) -> Night:
        """A session in the ledger at `path`."""
        ledger = Ledger.open(path)
        night = cls(ledger, Recorder(ledger, session))
        chosen = {**SETTINGS, **settings}
        started = SessionStarted(goal="…", settings=chosen, base=sha(0), folder="", seed=0, version="0")
        night.history.append(started)
        night.history.append(Resumed(pid=1, settings=chosen))
        return night

    def baseline(self, metric: float) -> None:
        """The baseline's verdict."""
        self.judge(0, "baseline", metric=metric, commit=sha(0), hypothesis="the baseline")

    def keep(self, number: int, metric: float, hypothesis: str = "an idea", **fields: Any) -> None:
        """A kept experiment."""
        incumbent = self.history.incumbent()
        gain = (incumbent.metric or 0.0) - metric if incumbent else 0.0
        self.judge(number, "keep", metric=metric, hypothesis=hypothesis, commit=sha(number), gain=gain, **fields)

    def discard(self, number: int, metric: float, hypothesis: str = "an idea", **fields: Any) -> None:
        """One that was no better."""
        self.judge(number, "discard", metric=metric, hypothesis=hypothesis, commit=sha(number), **fields)

    def crash(self, number: int, reason: str) -> None:
        """One whose run failed."""
        self.judge(number, "crash", reason=reason, commit=sha(number))

    def judge(self, number: int, verdict: Verdict, **fields: Any) -> None:
        """Any verdict."""
        fields.setdefault("reason", verdict)
        fields.setdefault("fingerprint", f"print-{number}")
        self.history.append(Judged(number=number, verdict=verdict, **fields))

    def propose(self, number: int, **fields: Any) -> None:
        """A proposal."""
        known = {"hypothesis": "an idea", "proposer": "search", "parent": sha(0), "commit": sha(number)}
        self.history.append(Proposed(number=number, **{"fingerprint": f"print-{number}", **known, **fields}))

    def measure(self, number: int, role: Role, value: float | None, seed: int = 1, **fields: Any) -> None:
        """A run."""
        outcome = "ok" if value is not None else "crash"
        known = {"commit": sha(number), "fingerprint": f"print-{number}", "seed": seed, "outcome": outcome}
        self.history.append(Measured(number=number, role=role, value=value, **{**known, **fields}))

    def stop(self, reason: str, *, finished: bool = False, failed: bool = False) -> None:
        """The session is put down."""
        self.history.append(Stopped(finished=finished, reason=reason, failed=failed))
