"""One experiment with all that is known about it: for `show`, and for whoever asks from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from overnight.errors import SessionError
from overnight.judge.words import LIVE_RULE, RULE
from overnight.ledger.history import VERIFYING, History
from overnight.ledger.records import Judged, Measured
from overnight.loop.patches import candidate_patch
from overnight.morning.explain import explain
from overnight.morning.export import as_row
from overnight.repo.git import Repository

_GONE = "(git no longer has this candidate)\n"


@dataclass(frozen=True)
class Shown:
    """What there is to see."""

    number: int
    hypothesis: str
    judged: Judged | None
    """None where it has no verdict yet."""
    runs: list[Measured]
    reasons: list[str]
    """Why it was decided so, in plain lines."""
    patch: str
    tail: str
    """The end of what it printed."""

    def as_json(self) -> dict[str, Any]:
        """`show --json`."""
        known = as_row(self.judged) if self.judged else {"number": self.number, "verdict": None}
        measured = [run.model_dump(exclude={"kind", "output_tail"}) for run in self.runs]
        return {
            **known,
            "patch": self.patch,
            "measurements": measured,
            "why": self.reasons,
            "output_tail": self.tail,
        }


def shown(history: History, folder: Path, number: int) -> Shown:
    """An experiment of the session, its patch from the repository around `folder`.

    Raises SessionError where there is no such experiment.
    """
    judged, proposed, runs = history.judged_number(number), history.proposed(number), history.runs(number)
    if judged is None and proposed is None:
        last = history.last_number()
        raise SessionError(f"session {history.session} has no experiment {number}; the last one is {last}")
    patch = ""
    if proposed is not None and proposed.commit is not None:
        found = candidate_patch(Repository.find(folder), proposed)
        patch = found if found is not None else _GONE
    printed = [run.output_tail for run in runs if run.role not in VERIFYING]
    tail = (judged.output_tail if judged else "") or next(reversed(printed), "")
    title = judged.hypothesis if judged else proposed.hypothesis if proposed else ""
    return Shown(number, title, judged, runs, explain(history, number, RULE, LIVE_RULE), patch, tail)
